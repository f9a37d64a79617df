"""The store: one database and the parts that live in it."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.addresses import SqliteAddress, address
from store.caps import Caps
from store.contacts import Contacts
from store.database import DEADLINE, Database
from store.effects import Effects
from store.entries import Entries
from store.entry_rows import EntryRows
from store.errors import StoreMisconfigured
from store.files import ready_file
from store.owners import Owners
from store.parked import Parked
from store.polls import Polls
from store.quarantine import Quarantine
from store.replay_jobs import ReplayJobs
from store.replays import Replays
from store.schedule import Schedule
from store.schema import require_current
from store.stops import Stops
from store.strays import Strays
from store.suspects import Suspects
from store.tables import COPIED_TO, meta
from store.traces import Traces

# Dead letters are kept for 30 days, and a replay must find the effects of its event.
EFFECTS_KEPT = timedelta(days=30)
# A timer that is over guards against older events; topics with timers keep records for 30 days by default.
TIMERS_KEPT = timedelta(days=40)
# Longer than any sensible window.
CAPS_KEPT = timedelta(days=100)
# An event that owes a snapshot for so long is dead.
DEBTS_KEPT = timedelta(days=40)
# What was dealt with stays marked for longer than anybody keeps dead letters; a mark is a few hundred bytes.
MARKS_KEPT = timedelta(days=400)
# A conversation that goes on after so long is looked for among all of them.
POLLS_KEPT = timedelta(days=400)


class Store:
    """State that is not a log. Make it with `open`, then `await start()`; it can be used by many tasks at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._id: str | None = None
        self.contacts = Contacts(database)
        self.caps = Caps(database)
        self.owners = Owners(database)
        self.schedule = Schedule(database)
        self.strays = Strays(database)
        self.effects = Effects(database)
        self.entries = Entries(database)
        self.replays = Replays(database)
        self.replay_jobs = ReplayJobs(database)
        self.parked = Parked(database)
        self.polls = Polls(database)
        self.quarantine = Quarantine(database)
        self.traces = Traces(database)
        self.stops = Stops(database)
        self.entry_rows = EntryRows(database)
        self.suspects = Suspects(database)

    @classmethod
    def open(cls, url: str, *, deadline: timedelta = DEADLINE, connections: int | None = None) -> "Store":
        """A store that is not started yet; no I/O.

        Args:
            url: `sqlite:///file` or `postgresql://user@host/database`.
            deadline: every call is over by then.
            connections: at most so many at once.

        Raises:
            StoreMisconfigured: the url cannot be read.
        """
        return cls(Database(address(url), deadline=deadline, connections=connections))

    async def start(self) -> None:
        """Connect and check the schema. Changes nothing: `migrate` makes and updates the tables.

        Raises:
            StoreMisconfigured: the schema is older or newer than this hookline, or the database cannot be used.
            StoreUnavailable: it does not answer; try again.
        """
        if isinstance(self._database.address, SqliteAddress):
            ready_file(self._database.address.path)

        async def work(connection: AsyncConnection) -> str:
            await connection.run_sync(require_current)
            told = {row.name: row.value for row in await connection.execute(select(meta))}
            if COPIED_TO in told:
                raise StoreMisconfigured(
                    f"The store {self.shown} was copied to {told[COPIED_TO]}, which goes on in its place: set [store]"
                    " url to that one. To go back, copy it into a new file with `hookline migrate --copy-from URL`."
                )
            return str(told["store_id"])

        self._id = await self._database.read(work)

    async def look(self) -> None:
        """Ask for the smallest thing, to learn whether it answers.

        Raises:
            StoreError: it does not, or can be used no more.
        """

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(select(meta.c.value).limit(1))

        await self._database.read(work)

    async def stop(self) -> None:
        """Close the connections. Ends within the deadline in any case."""
        await self._database.stop()

    async def expire(self, now: datetime) -> int:
        """Throw away what nothing can ask for any more; returns how many rows. Call it about once an hour.

        Raises:
            StoreError: the database failed; what was thrown away until then is gone.
        """
        kept = (
            (self.effects.expire, EFFECTS_KEPT),
            (self.schedule.expire, TIMERS_KEPT),
            (self.caps.expire, CAPS_KEPT),
            (self.contacts.expire, DEBTS_KEPT),
            (self.replays.expire, MARKS_KEPT),
            (self.replay_jobs.expire, MARKS_KEPT),
            (self.polls.expire, POLLS_KEPT),
            (self.quarantine.expire, MARKS_KEPT),
        )
        gone = 0
        for expire, age in kept:
            while some := await expire(now - age):
                gone += some
        return gone

    @property
    def id(self) -> str:
        """The uuid of this store, made with its first table: workers of one handler must find the same."""
        if self._id is None:
            raise RuntimeError("the store is not started: await start() first")
        return self._id

    @property
    def shared(self) -> bool:
        """Whether several machines may use it: PostgreSQL yes, SQLite no."""
        return self._database.shared

    @property
    def shown(self) -> str:
        """Its address for messages, without user and password."""
        return self._database.address.shown
