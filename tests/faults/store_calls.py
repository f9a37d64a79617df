"""Every call of the store, with arguments that it takes: for tests that try them all."""

from collections.abc import Awaitable, Callable
from typing import Any

from schemas.contacts import Identity
from store.effects import EffectKey
from store.owners import Epoch
from store.parked_rows import LaneName, Tried
from store.quarantine import QuarantineName
from store.replay_jobs import Fed, Held, JobOrder
from store.schedule import START, TimerName
from store.stops import Stop
from store.store import Store
from store.strays import Stray
from tests.contract.stores import LOG, NOW
from tests.faults.store_writer import AT, HANDLER

EPOCH = Epoch(1, clean=True, log=LOG)
ANN = Identity(source="support", platform="p", id="1")
DELIVERY = QuarantineName(log=LOG, at=AT, offset=1, name="q", timestamp=0)
JOB = JobOrder(handler=HANDLER, log=LOG, reads="dead", filters="{}", cursor="[]")
FED = Fed(cursor="[]", over=True, next_at=NOW, held_until=NOW)
KEY = EffectKey(handler=HANDLER, source="support", event_id="1", name="ask")

CALLS: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "owners.claim": lambda store: store.owners.claim(HANDLER, [AT], LOG),
    "owners.release": lambda store: store.owners.release(HANDLER, {AT: EPOCH}),
    "owners.is_owned": lambda store: store.owners.is_owned(HANDLER, AT.topic, LOG),
    "owners.begun": lambda store: store.owners.begun(HANDLER, {AT: EPOCH}),
    "owners.started": lambda store: store.owners.started(HANDLER, LOG),
    "owners.confirm": lambda store: store.owners.confirm(HANDLER, AT, EPOCH),
    "stops.all": lambda store: store.stops.all(),
    "stops.stop": lambda store: store.stops.stop(Stop(handler=HANDLER, reason="paused", by="ops", at=NOW)),
    "stops.resume": lambda store: store.stops.resume(HANDLER),
    "suspects.all": lambda store: store.suspects.all(LOG),
    "suspects.found": lambda store: store.suspects.found(HANDLER, {AT: EPOCH}),
    "suspects.note": lambda store: store.suspects.note(HANDLER, {AT: EPOCH}, {AT: {"record 1": 1}}),
    "parked.park": lambda store: store.parked.park(HANDLER, AT, EPOCH, [], {1: Tried(due=NOW)}, bound=1, now=NOW),
    "parked.load": lambda store: store.parked.load(HANDLER, AT, EPOCH, [LaneName(b"s", b"k")], limit=1),
    "parked.counts": lambda store: store.parked.counts(),
    "parked.is_parked": lambda store: store.parked.is_parked(HANDLER, "1"),
    "strays.found": lambda store: store.strays.found(HANDLER, LOG),
    "strays.adopt": lambda store: store.strays.adopt(HANDLER, AT, EPOCH, [Stray(1, AT, "k")], now=NOW),
    "schedule.settle": lambda store: store.schedule.settle(
        HANDLER, AT, EPOCH, offset=1, event_id="1", now=NOW, cancel=[TimerName(source="s", key="k", name="n")]
    ),
    "schedule.page": lambda store: store.schedule.page(HANDLER, AT, LOG, START, limit=1),
    "schedule.load": lambda store: store.schedule.load(HANDLER, AT, LOG),
    "schedule.waiting": lambda store: store.schedule.waiting(LOG),
    "schedule.is_pending": lambda store: store.schedule.is_pending(HANDLER, "f"),
    "schedule.expire": lambda store: store.schedule.expire(NOW),
    "effects.begin": lambda store: store.effects.begin(KEY, at=AT, epoch=EPOCH, now=NOW),
    "effects.finish": lambda store: store.effects.finish(KEY, "1", at=AT, epoch=EPOCH),
    "effects.forget": lambda store: store.effects.forget(KEY, at=AT, epoch=EPOCH),
    "entries.start_of": lambda store: store.entries.start_of(HANDLER, "now", NOW),
    "effects.unfinished": lambda store: store.effects.unfinished(handler=HANDLER, source="s", event_id="1"),
    "caps.allow": lambda store: store.caps.allow(
        HANDLER, "cap", "k", limit=1, window_start=NOW, source="s", event_id="1"
    ),
    "contacts.find": lambda store: store.contacts.find(identity=ANN),
    "contacts.get": lambda store: store.contacts.get("c"),
    "contacts.save": lambda store: store.contacts.save(ANN, at=NOW, now=NOW, name="Ann"),
    "contacts.merge": lambda store: store.contacts.merge("a", "b", at=NOW, now=NOW),
    "contacts.delete": lambda store: store.contacts.delete(ANN, at=NOW, now=NOW),
    "contacts.appending": lambda store: store.contacts.appending("e", "c", now=NOW),
    "contacts.appended": lambda store: store.contacts.appended("e", "c", 1),
    "contacts.unpublished": lambda store: store.contacts.unpublished("e"),
    "contacts.published": lambda store: store.contacts.published("e", ["c"]),
    "replays.ask": lambda store: store.replays.ask([], NOW),
    "replays.discard": lambda store: store.replays.discard([], NOW),
    "replays.marks": lambda store: store.replays.marks(),
    "replays.note": lambda store: store.replays.note(1, "failed"),
    "replays.found": lambda store: store.replays.found([1]),
    "replays.waiting": lambda store: store.replays.waiting(HANDLER),
    "replays.take": lambda store: store.replays.take(HANDLER, AT, EPOCH, [1], now=NOW),
    "quarantine.done": lambda store: store.quarantine.done([DELIVERY]),
    "quarantine.note": lambda store: store.quarantine.note(DELIVERY, events=1, now=NOW),
    "quarantine.count": lambda store: store.quarantine.count(LOG, {AT: 0}),
    "quarantine.expire": lambda store: store.quarantine.expire(NOW),
    "traces.of": lambda store: store.traces.of("1"),
    "replay_jobs.start": lambda store: store.replay_jobs.start(JOB, NOW),
    "replay_jobs.all": lambda store: store.replay_jobs.all(limit=1),
    "replay_jobs.unfinished": lambda store: store.replay_jobs.unfinished(),
    "replay_jobs.get": lambda store: store.replay_jobs.get(1),
    "replay_jobs.counts": lambda store: store.replay_jobs.counts([1]),
    "replay_jobs.decided": lambda store: store.replay_jobs.decided([]),
    "replay_jobs.cancel": lambda store: store.replay_jobs.cancel(1, NOW),
    "replay_jobs.reading": lambda store: store.replay_jobs.reading([HANDLER]),
    "replay_jobs.claim": lambda store: store.replay_jobs.claim(Held(1, "me"), now=NOW, until=NOW),
    "replay_jobs.release": lambda store: store.replay_jobs.release("me"),
    "replay_jobs.room": lambda store: store.replay_jobs.room(HANDLER, 1),
    "replay_jobs.feed": lambda store: store.replay_jobs.feed(Held(1, "me"), [], FED, now=NOW),
    "entry_rows.renames": lambda store: store.entry_rows.renames(),
    "expire": lambda store: store.expire(NOW),
    "start": lambda store: store.start(),
}
