"""The built-in demo: what every command means without a configuration file."""

import hmac
import json
import secrets
from pathlib import Path
from typing import Any

from cli.errors import CommandFailed
from cli.places import Places

SIMULATOR_PORT = 8789
HOST = "127.0.0.1"
# Handlers in this folder join the demo.
PLUGINS = "./plugins"


def configuration(data: Path) -> dict[str, Any]:
    """The demo's configuration, with secrets that are made once and kept in the data folder."""
    secret = kept_secret(data)
    return {
        "sources": {
            "support": {"platform": "mygptassistants", "secrets": [secret]},
            # GPTBots and YourGPT sign nothing, so the secret stands in the path.
            "gptbots": {"platform": "gptbots", "token": secret},
            "yourgpt": {"platform": "yourgpt", "token": secret},
            # CustomGPT.ai posts nothing, so it is polled.
            "customgpt": {"platform": "customgpt", "poll": {"interval": "2s", "sweep": "20s"}},
        },
        "accounts": _accounts(),
        "handlers": {
            **({"path": [PLUGINS]} if Path(PLUGINS).is_dir() else {}),
            # Whoever is met on one platform is made known to the others.
            "sync-contact": {"push": list(_accounts()), "verified": list(_accounts())},
            "follow-up-chat": {
                "after": "10s",
                "when": ["silence", "completed"],
                "message": "Did that answer your question?",
            },
        },
    }


def _accounts() -> dict[str, Any]:
    """One at each simulated platform."""
    return {
        "support": {
            "platform": "mygptassistants",
            "api_key": "demo-key",
            "bot_id": "bot_demo",
            "contacts": {"enabled": True},
        }
        | _simulated("mygptassistants"),
        "gptbots": {
            "platform": "gptbots",
            # The simulator takes it for the key of a plan with more than 3 calls a minute.
            "api_key": "app-enterprise-demo",
            "limits": {"conversation": "100/min", "workflow": "100/min", "user": "100/min"},
            "properties": {"name": "name", "email": "email", "phone": "phone"},
        }
        | _simulated("gptbots"),
        "yourgpt": {
            "platform": "yourgpt",
            # An organisation's token, which may also read contacts.
            "api_key": "api-v1-demo",
            "project_uid": "demo",
            "contacts": {"enabled": True},
        }
        | _simulated("yourgpt"),
        "customgpt": {
            "platform": "customgpt",
            "api_key": "demo-key",
            "project_id": "2021",
            "contact_conversations": True,
        }
        | _simulated("customgpt"),
    }


def _simulated(platform: str) -> dict[str, Any]:
    return {"base_url": simulator_url(platform), "allow_private": True}


def simulator_url(platform: str, port: int = SIMULATOR_PORT) -> str:
    """Where the simulator serves a platform."""
    paths = {
        "mygptassistants": "/mygptassistants/api/v1",
        "gptbots": "/gptbots",
        "yourgpt": "/yourgpt/chatbot/v1",
        "customgpt": "/customgpt/api/v1",
    }
    return f"http://{HOST}:{port}{paths[platform]}"


def stand_in(places: Places, key: tuple[str, ...], text: str) -> str | None:
    """What `dev` takes for a reference that leads nowhere; None where it needs what is meant.

    Secrets and keys are made up, for every account is sent to the simulator and `send` signs with the same; they are of
    a form that every scheme takes. An event log and a store that are set aside need no address.

    Raises:
        CommandFailed: the data folder cannot be written.
    """
    if places.dev is None or not key:
        return None
    if key in (("eventlog", "url"), ("store", "url")):
        unused = f"sqlite:///{places.data / ('events.db' if key[0] == 'eventlog' else 'state.db')}"
        return None if places.dev.configured else unused
    if key[0] not in ("sources", "accounts"):
        return None
    return hmac.digest(kept_secret(places.data).encode(), text.encode(), "sha256").hex()


def kept_secret(data: Path) -> str:
    """The demo's webhook secret: made at the first use, the same ever after.

    Raises:
        CommandFailed: the data folder cannot be written.
    """
    file = data / "demo.json"
    try:
        if not file.exists():
            data.mkdir(parents=True, exist_ok=True)
            draft = file.with_suffix(f".{secrets.token_hex(4)}")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps({"secret": secrets.token_urlsafe(32)}), encoding="utf-8")
            draft.replace(file)
        return str(json.loads(file.read_text(encoding="utf-8"))["secret"])
    except (OSError, ValueError, KeyError) as error:
        raise CommandFailed(
            f"the demo keeps its secrets in {file}, which cannot be written or read: {error}. "
            "Name another data folder with --data, or remove the file"
        ) from error
