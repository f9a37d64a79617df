"""GPTBots: what the platform does. Its endpoints are in `gptbots_api`, the forms it writes in `gptbots_forms`.

Sources: conversation-api (webhook-receives-messages-v2, human-handoff-service), user-api and workflow-api below
https://www.gptbots.ai/docs/api-reference/overview. Where they are silent this module chooses, and says so:

- A reply is posted for a message that was sent in webhook mode only, and so are a human agent's words (documented).
  Visitors of the demo talk through a site of ours that sends their words in webhook mode.
- Who asks for a person is handed off. A handoff that nobody answers within 60 s ends with TIMEOUT (documented: the time
  and the type), and the agent goes on.
- Webhooks that are not accepted are sent again, as those of the other platforms; no retries are documented.
- The static `Authorization` header (documented) goes with replies, and not with the handoff's calls.
- A conversation id that nobody knows is adopted, but `missing` is not.
- Every agent defines every user property whose name does not begin with `missing`; it takes all but objects and lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from simulator import bot, gptbots_forms
from simulator.conversations import Conversation, Conversations, Message, Role
from simulator.deliveries import OutgoingEvent, Sign, Subscription
from simulator.errors import ControlError
from simulator.gptbots_users import Users, user_id_of
from simulator.platforms import Emission, Emitted, Surroundings
from simulator.recent import Latest
from simulator.wire import JsonObject, encode, merge

NAME: Final = "gptbots"

SUFFIXES: Final[Mapping[str, str]] = {
    "reply": "",
    "reply-v1": "",
    "establish": "/conversation/establish",
    "chat": "/chat",
    "close": "/conversation/close",
    "workflow": "",
}
"""What it posts → what follows the registered URL. The names are ours: GPTBots names none of its webhooks."""

DEFAULT_BOT: Final = "6657e000c9e77c0008a5b000"
"""The agent that keys belong to unless they name another, and that scripted visitors talk to."""

MISSING: Final = "missing"

WAITING: Final = 60.0
"""Seconds a person has for the first answer to a handoff (documented default)."""

Mode = Literal["blocking", "streaming", "webhook"]


@dataclass(slots=True)
class Handoff:
    """A visitor who waits for, or talks with, a person. Its id is its own, not the conversation's."""

    id: str
    conversation: Conversation
    answered: bool = False
    open: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """A message and the agent's answer to it; none while a person is in charge."""

    conversation: Conversation
    asked: Message
    answered: Message | None


@dataclass(slots=True)
class Run:
    """One run of a workflow, as it is shown."""

    document: JsonObject
    bot_id: str
    callbacks: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def sign(body: bytes, secret: str | None) -> dict[str, str]:
    """Return the headers of a reply: the static header that was configured, and no signature."""
    del body
    static = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    return {"Content-Type": "application/json", **static}


def unsigned(body: bytes, secret: str | None) -> dict[str, str]:
    """Return the headers of the handoff's calls, which document no authentication."""
    del body, secret
    return {"Content-Type": "application/json"}


class GPTBots:
    """The platform's conversations, users, handoffs and workflow runs, and the webhooks that follow."""

    name = NAME
    events = tuple(SUFFIXES)

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.conversations = Conversations()
        self.users = Users()
        self.runs = Latest[str, Run]()
        self._handoffs = Latest[str, Handoff]()
        # conversation id → its latest handoff
        self._handed_off = Latest[str, Handoff]()

    def reset(self) -> None:
        """Forget everything."""
        self.conversations.clear()
        self.users.clear()
        for kept in (self.runs, self._handoffs, self._handed_off):
            kept.clear()

    def new_id(self) -> str:
        """Return an id as the platform's database writes them."""
        return self.around.ids.hexadecimal(24)

    def open(self, user_id: str, *, bot_id: str, conversation_id: str | None = None) -> Conversation:
        """Begin a conversation of a user, who comes to be by it."""
        conversation = self.conversations.open(conversation_id or self.new_id(), bot_id, self.around.clock.now())
        conversation.metadata = {"user_id": user_id, "conversation_type": "API"}
        self.users.named(user_id)
        return conversation

    def conversation(self, conversation_id: str, *, bot_id: str) -> Conversation:
        """Return a conversation of this agent; one that nobody knows begins, with a user of its own.

        Raises:
            RefusedError: 40356 for the conversation `missing`, 40358 for one of another agent.
        """
        if conversation_id == MISSING:
            raise gptbots_forms.refused(40356)
        found = self.conversations.get(conversation_id)
        if found is None:
            return self.open(self.new_id(), bot_id=bot_id, conversation_id=conversation_id)
        if found.bot_id != bot_id:
            raise gptbots_forms.refused(40358)
        return found

    def say(self, conversation: Conversation, text: str, *, mode: Mode) -> Turn:
        """Take a user's message and answer it, or give it to the person in charge."""
        conversation.metadata["mode"] = mode
        turn = conversation.user_turns()
        asked = self._add(conversation, "user", text)
        handoff = self._handoff_of(conversation)
        if handoff is not None:
            self._tell_person("chat", handoff, gptbots_forms.chat(handoff.id, asked.at, text))
            return Turn(conversation, asked, None)
        answered = self._add(conversation, "assistant", bot.answer(text, turn=turn))
        if mode == "webhook":
            self._reply(conversation, answered)
        if bot.asks_for_a_person(text):
            self._hand_off(conversation)
        return Turn(conversation, asked, answered)

    def visitor_says(
        self, text: str, *, conversation_id: str | None, metadata: Mapping[str, Any], bot_id: str | None
    ) -> str:
        """Let a visitor say something on a site that sends it in webhook mode; return the conversation's id."""
        agent = bot_id or DEFAULT_BOT
        told = metadata.get("userId") or metadata.get("email")
        user_id = user_id_of(str(told)) if told else self.new_id()
        conversation = (
            self.open(user_id, bot_id=agent)
            if conversation_id is None
            else self.conversation(conversation_id, bot_id=agent)
        )
        known = {name: metadata[name] for name in ("name", "email", "phone") if metadata.get(name)}
        self.users.named(conversation.metadata["user_id"]).update(known)
        self.say(conversation, text, mode="webhook")
        return conversation.id

    def complete(self, conversation_id: str) -> None:
        """End the handoff of a conversation, as the visitor does; GPTBots knows no resolved conversations."""
        conversation = self.conversations.get(conversation_id)
        handoff = None if conversation is None else self._handoff_of(conversation)
        if handoff is not None:
            self._end(handoff, "USER_CLOSED")

    # --------------------------------------------------------------------------------------------- handoffs

    def answer_handoff(self, handoff_id: str, text: str) -> None:
        """Take the words of the person in charge; they reach the user, and the webhook if the user came by it."""
        handoff = self._open_handoff(handoff_id)
        handoff.answered = True
        said = self._add(handoff.conversation, "assistant", text)
        if handoff.conversation.metadata.get("mode") == "webhook":
            self._reply(handoff.conversation, said)

    def close_handoff(self, handoff_id: str) -> None:
        """Give the user back to the agent, as the person in charge does; nothing is posted for it."""
        self._open_handoff(handoff_id).open = False

    def _hand_off(self, conversation: Conversation) -> None:
        handoff = Handoff(self.new_id(), conversation)
        self._handoffs.set(handoff.id, handoff)
        self._handed_off.set(conversation.id, handoff)
        user_id = conversation.metadata["user_id"]
        body = gptbots_forms.establish(
            handoff.id, self.around.clock.now(), conversation, user_id=user_id, properties=self.users.named(user_id)
        )
        self._tell_person("establish", handoff, body)
        self.around.stage.start(self._wait_for_person(handoff), name=f"handoff {handoff.id}")

    async def _wait_for_person(self, handoff: Handoff) -> None:
        await self.around.clock.sleep(WAITING)
        if handoff.open and not handoff.answered:
            self._end(handoff, "TIMEOUT")

    def _end(self, handoff: Handoff, why: Literal["TIMEOUT", "USER_CLOSED"]) -> None:
        handoff.open = False
        self._tell_person("close", handoff, gptbots_forms.close(handoff.id, self.around.clock.now(), why))

    def _handoff_of(self, conversation: Conversation) -> Handoff | None:
        handoff = self._handed_off.get(conversation.id)
        return handoff if handoff is not None and handoff.open else None

    def _open_handoff(self, handoff_id: str) -> Handoff:
        handoff = self._handoffs.get(handoff_id)
        if handoff is None or not handoff.open:
            raise gptbots_forms.refused(40356)
        return handoff

    # -------------------------------------------------------------------------------------------- workflows

    def run_workflow(self, run: Run) -> None:
        """Keep a finished run and call back whoever asked for it, with the headers they gave."""
        run_id = run.document["workflowRunId"]
        self.runs.set(run_id, run)
        body = encode(run.document)
        for callback in run.callbacks:
            headers = {"Content-Type": "application/json", **callback["headers"]}
            event = OutgoingEvent(NAME, f"{run_id}:{run.document['status']}", "workflow", run_id, body, _with(headers))
            self.around.sender.send(Subscription("callback", NAME, callback["url"], ""), event)

    # ------------------------------------------------------------------------------------------------ events

    def emit(self, emission: Emission) -> Emitted:
        """Send one webhook on order.

        Raises:
            ControlError: the type is none of `SUFFIXES`.
        """
        if emission.type not in SUFFIXES:
            raise ControlError(f"{NAME} sends no {emission.type!r}; it sends {', '.join(SUFFIXES)}")
        body = merge(self._ordered(emission.type, emission.overrides), emission.overrides)
        raw = encode(body) if emission.raw is None else emission.raw.encode(errors="surrogatepass")
        lane = str(body.get("conversation_id") or body.get("workflowRunId"))
        event_id = str(body.get("message_id") or body.get("workflowRunId") or f"{emission.type}:{lane}")
        replies = emission.type.startswith("reply")
        out = OutgoingEvent(
            NAME, event_id, emission.type, lane, raw, sign if replies else unsigned, SUFFIXES[emission.type]
        )
        return Emitted(out.id, lane, self.around.sender.publish(out))

    def _ordered(self, event_type: str, overrides: JsonObject) -> JsonObject:
        """Return the body of a webhook on order, before the overrides; a reply also stands in the history."""
        now = self.around.clock.now()
        if event_type == "workflow":
            return gptbots_forms.workflow_run(self.new_id(), {"topic": "hours"}, now, now)
        if event_type == "close":
            return gptbots_forms.close(self.new_id(), now, "USER_CLOSED")
        if event_type == "chat":
            return gptbots_forms.chat(self.new_id(), now, "Is anybody there?")
        conversation = self._ordered_conversation(overrides.get("conversation_id"))
        if event_type == "establish":
            user_id = conversation.metadata["user_id"]
            properties = self.users.named(user_id)
            return gptbots_forms.establish(self.new_id(), now, conversation, user_id=user_id, properties=properties)
        text, wanted = "Our business hours are Monday-Friday, 9 AM to 5 PM EST.", overrides.get("message_id")
        said = self._add(conversation, "assistant", text, message_id=wanted if isinstance(wanted, str) else None)
        form = gptbots_forms.reply if event_type == "reply" else gptbots_forms.old_reply
        return form(conversation, said)

    def _ordered_conversation(self, wanted: object) -> Conversation:
        latest = self.conversations.latest(DEFAULT_BOT)
        if isinstance(wanted, str) and wanted:
            return self.conversations.get(wanted) or self.conversation(wanted, bot_id=DEFAULT_BOT)
        return latest[0] if latest else self.open(self.new_id(), bot_id=DEFAULT_BOT)

    def _reply(self, conversation: Conversation, said: Message) -> None:
        self._publish("reply", conversation.id, said.id, gptbots_forms.reply(conversation, said), sign)

    def _tell_person(self, event_type: str, handoff: Handoff, body: JsonObject) -> None:
        event_id = f"{event_type}:{handoff.id}:{body['timestamp']}"
        self._publish(event_type, handoff.id, event_id, body, unsigned)

    def _publish(self, event_type: str, lane: str, event_id: str, body: JsonObject, signed: Sign) -> None:
        suffix = SUFFIXES[event_type]
        self.around.sender.publish(OutgoingEvent(NAME, event_id, event_type, lane, encode(body), signed, suffix))

    def _add(self, conversation: Conversation, role: Role, text: str, *, message_id: str | None = None) -> Message:
        message = Message(message_id or self.new_id(), role, text, self.around.clock.now())
        self.conversations.add(conversation, message)
        return message


def _with(headers: Mapping[str, str]) -> Sign:
    def signed(body: bytes, secret: str | None) -> Mapping[str, str]:
        del body, secret
        return headers

    return signed
