"""The demo: a steady trickle of visitors with believable questions, from the moment it starts until it is stopped."""

import asyncio
import unicodedata
from collections import deque
from random import Random
from typing import Final, Self

from simulator.clock import Clock
from simulator.platforms import Platform
from simulator.script import Performance, Script, Visitor, perform
from simulator.stories import MAIL_DOMAINS, NAMES, STORIES

RETURNING: Final = 0.25
"""The share of visitors who were there before and come back, often by another way."""

OTHER_DEVICE: Final = 0.4
"""The share of those who return under another user id."""

WITH_PHONE: Final = 0.3

KNOWN_VISITORS: Final = 30


class Cast:
    """Makes up visitors and what they say; equal seeds make up the same."""

    def __init__(self, random: Random, *, line_gap: float) -> None:
        self._random = random
        self._line_gap = line_gap
        self._known: deque[Visitor] = deque(maxlen=KNOWN_VISITORS)

    def next_script(self) -> Script:
        """Return the next conversation."""
        story = self._random.choice(STORIES)
        gaps = len(story.says) - 1
        return Script(
            visitor=self._visitor(),
            says=story.says,
            over=gaps * self._line_gap * self._random.uniform(0.6, 1.4),
            source=story.source,
            introduced_at=story.introduced_at,
            complete=story.complete,
        )

    def _visitor(self) -> Visitor:
        if self._known and self._random.random() < RETURNING:
            known = self._random.choice(self._known)
            # on another device the platform knows a different user, with the same e-mail address
            other = {"user_id": f"user_{self._random.randrange(10_000, 100_000)}"}
            return known.model_copy(update=other) if self._random.random() < OTHER_DEVICE else known
        name = self._random.choice(NAMES)
        number = self._random.randrange(10_000, 100_000)
        mail = f"{_mail_name(name)}.{number}@{self._random.choice(MAIL_DOMAINS)}"
        visitor = Visitor(
            user_id=f"user_{number}",
            name=name,
            email=mail,
            phone=f"+1555{self._random.randrange(10**7):07d}" if self._random.random() < WITH_PHONE else None,
        )
        self._known.append(visitor)
        return visitor


def _mail_name(name: str) -> str:
    """Return a name as it stands in an e-mail address: no accents, no blanks."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o"))
    return "".join(letter for letter in plain.lower().replace(" ", ".") if letter.isascii() and letter != "'")


class Demo:
    """Runs visitors on one platform; stop it with `stop`, or by leaving its `async with`."""

    def __init__(
        self,
        platform: Platform,
        *,
        clock: Clock,
        random: Random,
        pace: float = 4.0,
        line_gap: float = 2.0,
        crowd: int = 10,
    ) -> None:
        """`pace`: seconds from one new conversation to the next, about; `line_gap`: between a visitor's lines, about.

        At most `crowd` conversations run at once.
        """
        self._platform = platform
        self._clock = clock
        self._random = random
        self._pace = pace
        self._places = asyncio.Semaphore(crowd)
        self._cast = Cast(random, line_gap=line_gap)
        self._task: asyncio.Task[None] | None = None
        self.conversations = 0

    def start(self) -> None:
        """Let the first visitor in at once; a second call changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"demo {self._platform.name}")

    async def stop(self) -> None:
        """Stop where the conversations are; returns when nothing runs any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await self._places.acquire()
                group.create_task(self._converse(self._cast.next_script()))
                await self._clock.sleep(self._pace * self._random.uniform(0.6, 1.4))

    async def _converse(self, script: Script) -> None:
        self.conversations += 1
        try:
            await perform(Performance(script, self._platform.name), self._platform, self._clock)
        finally:
            self._places.release()
