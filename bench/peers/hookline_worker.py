"""hookline's dispatcher on the same topic: `hookline_worker.py BOOTSTRAP TOPIC EVENTS WAIT CONCURRENCY`."""

import logging
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog
import uvloop

from bench.peers.measured import Measured
from cli.garbage import collect_less
from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment
from dispatcher.settings import CommonSettings, entry_of
from eventlog.open import EventLogSettings, open_log
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from schemas.topics import Topics
from store.migrations import migrate
from store.store import Store

_STOPS = timedelta(seconds=10)


async def main(bootstrap: str, topic: str, events: int, wait: float, concurrency: int) -> None:
    """Dispatch until all events were handled."""
    collect_less()  # as every role does
    measured = Measured(events, wait)

    @handler("bench", on=MessageCreated)
    async def bench(event: Event[MessageCreated], ctx: Context) -> None:
        del ctx
        await measured.handle(event.data.conversation_id, int(event.data.message_id[1:]))

    url = f"kafka://{bootstrap}"
    log = open_log(url, EventLogSettings(url=url))
    with tempfile.TemporaryDirectory() as folder:
        store_url = f"sqlite:///{Path(folder) / 'state.db'}"
        await migrate(store_url)
        store = Store.open(store_url)
        await log.start()
        await store.start()
        entry = entry_of(bench, name=f"bench-{concurrency}", common=CommonSettings(concurrency=concurrency))
        topics = Topics(prefix=topic.removesuffix("conversations"))
        dispatcher = Dispatcher([entry], Equipment(log=log, store=store, topics=topics))
        dispatcher.start()
        await measured.done.wait()
        measured.print()
        await dispatcher.stop(_STOPS)
        await store.stop()
        await log.stop(_STOPS)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    _, bootstrap, topic, events, wait, concurrency = sys.argv
    uvloop.run(main(bootstrap, topic, int(events), float(wait), int(concurrency)))
