"""The stream of a message at GPTBots: one JSON record per line, `{code, message, data}`. Pure.

Documented at https://www.gptbots.ai/docs/api-reference/conversation-api/send-message-v2: the codes. Inferred: a `data:`
prefix may stand before a record, unknown codes are to be ignored, and a code from 20000 on is an error.
"""

from dataclasses import dataclass
from typing import Final

from pydantic_core import from_json

from clients.account import Chunk
from clients.answers import Complaint
from clients.errors import BadAnswer
from clients.gptbots_answers import record_code, stream_complaint, texts
from schemas.lenient import as_text

END: Final = 0
TEXT: Final = 3
FLOW_OUTPUT: Final = 10
MESSAGE_INFO: Final = 11
AUDIO: Final = 39

# Fields of server-sent events that say nothing here, and comments.
_SILENT: Final = ("event:", "id:", "retry:", ":")


@dataclass(frozen=True, slots=True)
class Step:
    """What one line says."""

    chunk: Chunk | None = None
    # The answer is complete.
    ended: bool = False
    complaint: Complaint | None = None


class Reader:
    """Reads the lines of one stream, in order."""

    def __init__(self, conversation_id: str, *, what: str) -> None:
        self._conversation_id = conversation_id
        self._what = what
        # Whether the answer came in pieces of text: what repeats it as a whole is then left out.
        self._told = False

    def line(self, line: str) -> Step:
        """Read one line.

        Raises:
            BadAnswer: it is neither a record nor silence, so a piece of the answer may be missing.
        """
        text = line.strip()
        if not text or text.startswith(_SILENT):
            return Step()
        try:
            value = from_json(text.removeprefix("data:"))
        except ValueError:
            raise BadAnswer(f"{self._what}: a line of the stream is no JSON") from None
        code = record_code(value)
        if code is None:
            raise BadAnswer(f"{self._what}: a record of the stream has no code")
        complaint = stream_complaint(code, value.get("message"))
        return Step(complaint=complaint) if complaint else self._record(code, value.get("data"))

    def _record(self, code: int, data: object) -> Step:
        match code:
            case _ if code == END:
                return Step(ended=True)
            case _ if code == MESSAGE_INFO:
                message_id = as_text(data.get("message_id")) if isinstance(data, dict) else None
                return Step(Chunk(message_id=message_id, conversation_id=self._conversation_id))
            case _ if code == TEXT:
                self._told = True
                return self._said(data if isinstance(data, str) else "")
            case _ if code in (FLOW_OUTPUT, AUDIO) and not self._told:
                return self._said(texts(data, "content", "transcript"))
            case _:
                return Step()

    def _said(self, text: str) -> Step:
        return Step(Chunk(text=text, conversation_id=self._conversation_id)) if text else Step()
