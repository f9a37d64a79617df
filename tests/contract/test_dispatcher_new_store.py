"""A lost state store: another one takes the positions over when it is told to, and only then."""

from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.adopting import adopt, foreign
from dispatcher.errors import GroupInUse
from dispatcher.worker import Phase
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from tests.contract.dispatchers import Rig, message, on_any, quick, until
from tests.contract.eventlogs import Logs
from tests.contract.stores import opened


@handler("h", on=MessageCreated)
async def h(event: Event[MessageCreated], ctx: Context) -> None: ...


def group(rig: Rig) -> str:
    return f"{rig.topics.prefix}h"


async def test_another_store_goes_on_where_the_lost_one_was(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: nothing settled is handled again, nothing is skipped, and a second time changes nothing.

    Who still has the old one is refused from then on.
    """
    async with on_any(eventlog, tmp_path, partitions=2) as rig, opened(f"sqlite:///{tmp_path / 'new.db'}") as store:
        topics = [rig.conversations]
        await rig.append(message(0), message(1, key="c2"))
        await rig.settle(quick(h))
        await rig.append(message(2))
        later = replace(rig, store=store, happened=[])
        async with later.running(quick(h)) as dispatcher:
            await until(lambda: dispatcher.states()["h"].phase is Phase.FAILED, "it stops")
            assert "hookline migrate --new-store" in dispatcher.states()["h"].reason
        assert len(await foreign(rig.log, group(rig), topics, ours=store.id)) == 2
        assert await adopt(rig.log, group(rig), topics, ours=store.id) == 2
        assert await adopt(rig.log, group(rig), topics, ours=store.id) == 0
        await later.settle(quick(h))
        assert [each.event_id for each in later.attempts] == ["message.created:m2"]
        # a worker of another machine that was away, and knows nothing of it
        async with rig.running(quick(h)) as dispatcher:
            await until(lambda: dispatcher.states()["h"].phase is Phase.FAILED, "the old store is refused")
            assert f"belong to the state store {store.id}, this worker has {rig.store.id}" in (
                dispatcher.states()["h"].reason
            )


async def test_positions_are_left_alone_while_a_worker_runs(eventlog: Logs, tmp_path: Path) -> None:
    """Wherever it runs: it is a member of the group."""
    async with on_any(eventlog, tmp_path, partitions=2) as rig, opened(f"sqlite:///{tmp_path / 'new.db'}") as store:
        await rig.append(message(0))
        async with rig.running(quick(h)) as dispatcher:
            await dispatcher.until_empty()
            with pytest.raises(GroupInUse, match="stop all its workers"):
                await adopt(rig.log, group(rig), [rig.conversations], ours=store.id, within=3.0)
        assert len(await foreign(rig.log, group(rig), [rig.conversations], ours=store.id)) == 2
