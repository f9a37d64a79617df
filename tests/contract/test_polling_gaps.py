"""What webhooks have missed is found on each platform that posts, and gets the ids that its webhooks have."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from clients.account import Account
from clients.settings import AccountSettings, open_account
from receiver.polling.gaps import Looked, Repair
from receiver.polling.publishing import Publisher
from receiver.server import utc_now
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from schemas.topics import Topics
from simulator import Script, Simulator, SystemClock, Visitor
from store.errors import StoreUnavailable
from tests.contract.receivers import Running, opened, receiving
from tests.contract.simulators import until
from tests.unit.receiver.parts import SECRETS, signed

TOKEN = "gap-path-token-0123456789"
SOURCES: Mapping[str, Mapping[str, Any]] = {
    "mygptassistants": {"platform": "mygptassistants", "secrets": [SECRETS["mygptassistants"]]},
    "gptbots": {"platform": "gptbots", "token": TOKEN},
    "yourgpt": {"platform": "yourgpt", "token": TOKEN},
}
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "mygptassistants": {"api_key": "k", "bot_id": "bot_demo"},
    "gptbots": {
        "api_key": "app-enterprise-demo",
        "limits": {"conversation": "1000/s"},
        "response_mode": "webhook",
    },
    "yourgpt": {"api_key": "api-v1-demo", "project_uid": "demo"},
}
HOUR = timedelta(hours=1)


@dataclass
class Gap:
    """A receiver of one platform's webhooks, the platform, and a way to look for gaps."""

    platform: str
    simulator: Simulator
    running: Running
    repair: Repair
    url: str

    async def says(self, *lines: str, session: str | None = None) -> str:
        """A visitor talks, and every webhook arrives."""
        script = Script(visitor=Visitor(user_id="u1"), says=lines, conversation_id=session)
        performance = self.simulator.play(script, platform=self.platform)
        await until(lambda: performance.done)
        async with asyncio.timeout(10):
            await self.simulator.settled()
        return str(performance.conversation_id)

    async def look(self, *, publish: bool = True) -> list[Looked]:
        """Look for gaps of the last hour."""
        now = datetime.now(UTC)
        return [one async for one in self.repair.look(now - HOUR, now, publish=publish)]

    async def messages(self) -> list[tuple[str, str, str]]:
        """Id, origin and text of the messages in the log."""
        records = [
            one for one in await self.running.records("conversations") if one.header("ce_type") == b"message.created"
        ]
        return [
            (
                (one.header("ce_id") or b"").decode(),
                (one.header("ce_origin") or b"").decode(),
                json.loads(one.value or b"")["content"],
            )
            for one in records
            if one.header("ce_type") == b"message.created"
        ]


@asynccontextmanager
async def gap(platform: str, folder: Path, **more: Any) -> AsyncIterator[Gap]:
    async with (
        opened(folder) as (log, dedupe),
        receiving(log, dedupe, sources={platform: SOURCES[platform]}) as running,
        Simulator(clock=SystemClock(), seed=1) as simulator,
    ):
        settings: AccountSettings = TypeAdapter[AccountSettings](AccountSettings).validate_python(
            {
                "platform": platform,
                "base_url": simulator.base_url(platform),
                "allow_private": True,
                **ACCOUNTS[platform],
                **more,
            }
        )
        known = {platform: SourceSettings.model_validate(SOURCES[platform])}
        source = open_sources(known, ReceiverSettings())[platform]
        publisher = Publisher(log, dedupe, clock=utc_now)
        account: Account
        async with open_account(platform, settings) as account:
            token = f"/{TOKEN}" if "token" in SOURCES[platform] else ""
            url = f"http://127.0.0.1:{running.port}/in/{platform}{token}"
            yield Gap(platform, simulator, running, Repair(source, account, publisher, Topics()), url)


@pytest.mark.parametrize("platform", SOURCES)
async def test_a_gap_is_closed(platform: str, tmp_path: Path) -> None:
    """What was posted is known by its id, what was not is published once; a dry run publishes nothing."""
    async with gap(platform, tmp_path) as at:
        secret = SECRETS["mygptassistants"]
        hook = await at.simulator.connect_webhook(platform=platform, url=at.url, secret=secret)
        session = await at.says("Hello")
        await at.simulator.disconnect_webhook(hook)
        await at.says("When do you open?", session=session)
        heard = await at.messages()
        assert heard
        dry = await at.look(publish=False)
        assert await at.messages() == heard
        found, again = await at.look(), await at.look()
        messages = await at.messages()
    compared = [one for one in dry if not one.missing]
    missed = [one for one in dry if one.missing]
    assert compared
    assert missed
    assert {f"message.created:{one.message_id}" for one in compared} <= {one for one, _, _ in heard}
    assert [one.message_id for one in found if one.published] == [one.message_id for one in missed]
    assert [one.missing for one in again] == [False] * len(dry)
    assert len({one for one, _, _ in messages}) == len(messages) == len(heard) + len(missed)
    assert [origin for _, origin, _ in messages].count("poll") == len(missed)


@pytest.mark.parametrize(("mode", "unposted"), [("blocking", True), ("webhook", False)])
async def test_a_reply_that_comes_with_the_call_was_never_posted(mode: str, unposted: bool, tmp_path: Path) -> None:
    """It is in the history, and nobody has missed it: told apart, and published like the others."""
    async with gap("gptbots", tmp_path, response_mode=mode) as at:
        await at.says("Hello")
        dry, found, again = await at.look(publish=False), await at.look(), await at.look()
        messages = await at.messages()
    assert {(one.role, one.missing, one.unposted) for one in dry} == {("assistant", True, unposted)}
    assert [one.published for one in found] == [True] * len(dry) == [True] * len(messages)
    assert [(one.missing, one.unposted) for one in again] == [(False, False)] * len(dry)


async def test_a_webhook_that_comes_late_is_a_copy(tmp_path: Path) -> None:
    """What the repair published first is known when the platform delivers it after all."""
    async with gap("mygptassistants", tmp_path) as at:
        await at.says("Hello")
        published = await at.look()
        before = await at.messages()
        first = published[0]
        data = {
            "conversationId": first.conversation_id,
            "messageId": first.message_id,
            "role": "user",
            "content": "Hello",
        }
        event = {"id": "evt_9", "type": "message.created", "timestamp": "2024-01-15T10:30:00Z", "data": data}
        body = json.dumps(event).encode()
        headers = signed("mygptassistants", body, now=utc_now())
        told = await at.running.request("POST", "/in/mygptassistants", body, headers)
        assert await at.messages() == before
    assert (told.status, told.json()["duplicate"]) == (202, True)


async def test_without_dedupe_nothing_is_compared(tmp_path: Path) -> None:
    """A repair that cannot tell what was accepted would publish everything a second time."""

    class Away:
        async def known(self, *_: object) -> set[tuple[str, str]]:
            raise StoreUnavailable("away")

        async def remember(self, *_: object) -> None: ...

    async with gap("mygptassistants", tmp_path) as at:
        await at.says("Hello")
        publisher = Publisher(at.running.log, Away(), clock=utc_now)
        repair = Repair(at.repair._source, at.repair._account, publisher, Topics())
        now = datetime.now(UTC)
        with pytest.raises(StoreUnavailable):
            _ = [one async for one in repair.look(now - HOUR, now, publish=True)]
        assert await at.messages() == []
