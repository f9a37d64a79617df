"""The configuration as `hookline dev` runs it: simulated visitors must reach no real log, store or platform."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from cli import demo
from cli.overlay import PREFIX, SEPARATOR
from cli.places import Dev, Places
from cli.settings import Settings

SECTIONS = ("eventlog", "store")


def as_dev(settings: Settings, places: Places, dev: Dev) -> Settings:
    """The configuration with an event log and a store of its own, and the demo's source if it has none.

    A variable is consent: who writes HOOKLINE_EVENTLOG__URL before the command means this command.
    """
    changes: dict[str, Any] = {}
    for section in SECTIONS:
        kept = getattr(settings, section)
        if dev.running is not None:
            url = getattr(dev.running, section)
            if url != public_url(kept.url):
                changes[section] = kept.model_copy(update={"url": url if section == "eventlog" else _secret(url)})
        elif not dev.configured and not by_variable(section, places.environ):
            changes[section] = kept.model_copy(update={"url": None})
    if not settings.sources:
        raw = demo.configuration(places.data)
        shown = Settings.model_validate({"sources": raw["sources"], "accounts": raw["accounts"]})
        changes |= {"sources": shown.sources, "accounts": {**shown.accounts, **settings.accounts}}
    return settings.model_copy(update=changes)


def by_variable(section: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable names the section's address."""
    wanted = f"{PREFIX}{section}{SEPARATOR}url".lower()
    return any(name.lower() == wanted for name in environ)


def public_url(url: str | SecretStr | None) -> str | None:
    """An address without the password that may be in it."""
    text = url.get_secret_value() if isinstance(url, SecretStr) else url
    if text is None or "@" not in text:
        return text
    parts = urlsplit(text)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))


def _secret(url: str | None) -> SecretStr | None:
    return None if url is None else SecretStr(url)
