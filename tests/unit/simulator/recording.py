"""A wire that keeps what is posted and answers as told."""

import asyncio
import json
from collections import deque
from typing import Any

from simulator.deliveries import HttpCall
from simulator.errors import UndeliveredError


class RecordingPost:
    """Stands in for the network: keeps every call; `answers` are used up first, then everything is 202."""

    def __init__(self) -> None:
        self.calls: list[HttpCall] = []
        # a status, or the text of an UndeliveredError
        self.answers: deque[int | str] = deque()
        # while set, nothing is answered
        self.stuck: asyncio.Event | None = None

    async def __call__(self, call: HttpCall) -> int:
        self.calls.append(call)
        if self.stuck is not None:
            await self.stuck.wait()
        answer = self.answers.popleft() if self.answers else 202
        if isinstance(answer, str):
            raise UndeliveredError(answer)
        return answer

    @property
    def events(self) -> list[dict[str, Any]]:
        """The posted bodies, parsed."""
        return [json.loads(call.body) for call in self.calls]

    @property
    def types(self) -> list[str]:
        """The types of the posted events, in order."""
        return [event["type"] for event in self.events]
