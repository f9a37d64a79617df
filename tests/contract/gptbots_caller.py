"""Calls to the simulated GPTBots."""

from typing import Any

from tests.contract.simulators import Bearer


class GptBots(Bearer):
    """Calls GPTBots with a key."""

    platform = "gptbots"

    async def open(self, user_id: str = "user_789", **more: Any) -> str:
        _, answer = await self.call("POST", "/v1/conversation", {"user_id": user_id}, **more)
        return str(answer["conversation_id"])

    async def say(self, conversation_id: str, text: str = "Hello", mode: str = "blocking", **more: Any) -> Any:
        messages = [{"role": "user", "content": text}]
        body = {"conversation_id": conversation_id, "response_mode": mode, "messages": messages}
        return (await self.call("POST", "/v2/conversation/message", body, **more))[1]
