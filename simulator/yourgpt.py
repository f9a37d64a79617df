"""YourGPT: what the platform does. Its endpoints are in `yourgpt_api`, the forms it writes in `yourgpt_forms`.

Sources: the pages below https://docs.yourgpt.ai/chatbot/api-reference, and github.com/YourGPT/custom-chatbot-widget.
Where they are silent this module chooses, and says so:

- `message:received` is posted for every message, whoever sent it and by whatever way; a new webhook is pinged. Nothing
  is signed. What is not accepted is sent again, as by the other platforms; no retries are documented.
- A project is the same under its `widget_uid` and its `project_uid`; any uid but `missing` is one.
- Who asks for a person waits (`awaiting`): the bot is silent until the session is given back to it. So it is after an
  operator's message (documented: the session's `chat_mode` switches).
- Who says their name or address becomes a contact, one for each address; the session shows it from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from simulator import bot
from simulator import yourgpt_forms as forms
from simulator.conversations import Conversation, Conversations, Message
from simulator.deliveries import OutgoingEvent, Subscription
from simulator.errors import ControlError
from simulator.platforms import Emission, Emitted, Surroundings
from simulator.recent import Latest
from simulator.wire import JsonObject, encode, merge
from simulator.yourgpt_people import People

NAME: Final = "yourgpt"

EVENTS: Final = ("message:received", "ping")
"""Those whose names are known."""

DEFAULT_PROJECT: Final = "demo"
"""Where scripted visitors talk when nobody says where."""

MISSING: Final = "missing"

SendBy = Literal["user", "assistant", "operator"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A message, and the bot's answer to it; none where the bot was not asked, or is silent."""

    session: Conversation
    said: Message
    answered: Message | None


def sign(body: bytes, secret: str | None) -> dict[str, str]:
    """Return the headers of a webhook: nothing is signed."""
    del body, secret
    return {"Content-Type": "application/json"}


class YourGPT:
    """The platform's sessions and contacts, and the webhooks that follow from what happens to them."""

    name = NAME
    events = EVENTS

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.sessions = Conversations()
        self.people = People(around)
        # session uid → session id
        self._by_uid = Latest[str, str]()
        # stream token → answer
        self.streams = Latest[str, Message]()
        # Ids grow; they begin anew in every run, since receivers drop those they have seen.
        self._last_id = around.random.randrange(10**8, 10**9)

    def reset(self) -> None:
        """Forget everything."""
        self.sessions.clear()
        self.people.clear()
        self._by_uid.clear()
        self.streams.clear()

    def new_id(self) -> str:
        """Return the next id, of whatever it is."""
        self._last_id += 1
        return str(self._last_id)

    def open(self, project: str) -> Conversation:
        """Begin a session of a project."""
        session = self.sessions.open(self.new_id(), project, self.around.clock.now())
        uid = str(self.around.random.randrange(10**16, 10**17))
        session.metadata = {"uid": uid, "chat_mode": "bot", "state": "pending", "status": "open", "segment": "chat"}
        self._by_uid.set(uid, session.id)
        return session

    def session(self, session_uid: str, *, project: str) -> Conversation:
        """Return a session of a project.

        Raises:
            RefusedError: 404 if there is none of this uid.
        """
        found = self.sessions.get(self._by_uid.get(session_uid) or "")
        if found is None or found.bot_id != project:
            raise forms.not_found("Session")
        return found

    def say(self, session: Conversation, text: str, *, send_by: SendBy) -> Turn:
        """Take a message; a user's is answered unless a person is in charge."""
        turn = session.user_turns()
        said = self._add(session, send_by, text)
        if send_by == "operator":
            session.metadata["chat_mode"] = "operator"
        if send_by != "user" or session.metadata["chat_mode"] != "bot":
            return Turn(session, said, None)
        answered = self._add(session, "assistant", bot.answer(text, turn=turn))
        if bot.asks_for_a_person(text):
            session.metadata["chat_mode"] = "awaiting"
        return Turn(session, said, answered)

    def visitor_says(
        self, text: str, *, conversation_id: str | None, metadata: Mapping[str, Any], bot_id: str | None
    ) -> str:
        """Let a visitor say something in the widget; return the session's id."""
        known = None if conversation_id is None else self.sessions.get(conversation_id)
        if conversation_id is not None and known is None:
            raise forms.not_found("Session")
        session = known or self.open(bot_id or DEFAULT_PROJECT)
        told = {name: metadata[name] for name in ("name", "email", "phone") if isinstance(metadata.get(name), str)}
        if told:
            session.metadata["contact_id"] = self.people.met(session.bot_id, session.metadata.get("contact_id"), told)
        self.say(session, text, send_by="user")
        return session.id

    def complete(self, conversation_id: str) -> None:
        """Mark a session as resolved; no webhook is known to tell of it."""
        session = self.sessions.get(conversation_id)
        if session is not None:
            session.metadata |= {"state": "resolved", "chat_mode": "bot"}

    def contact_of(self, session: Conversation) -> JsonObject | None:
        """Return whom a session is with, as its lists show it."""
        contact_id = session.metadata.get("contact_id")
        return None if contact_id is None else self.people.get(contact_id, session.bot_id)

    # --------------------------------------------------------------------------------------------- webhooks

    def connected(self, subscription: Subscription) -> None:
        """Try the address of a new webhook out."""
        body = encode(forms.ping(DEFAULT_PROJECT))
        event = OutgoingEvent(NAME, f"ping:{subscription.id}", "ping", "ping", body, sign)
        self.around.sender.send(subscription, event)

    def emit(self, emission: Emission) -> Emitted:
        """Send one webhook on order; a message also stands in the history, so that the API agrees.

        Raises:
            ControlError: the type is none of `EVENTS`.
        """
        if emission.type not in EVENTS:
            raise ControlError(f"{NAME} sends no {emission.type!r}; it sends {', '.join(EVENTS)}")
        lane, event_id, body = self._ordered(emission)
        raw = encode(body) if emission.raw is None else emission.raw.encode(errors="surrogatepass")
        out = OutgoingEvent(NAME, event_id, emission.type, lane, raw, sign)
        return Emitted(out.id, lane, self.around.sender.publish(out))

    def _ordered(self, emission: Emission) -> tuple[str, str, JsonObject]:
        if emission.type == "ping":
            return "ping", f"ping:{self.new_id()}", merge(forms.ping(DEFAULT_PROJECT), emission.overrides)
        data = emission.overrides.get("data")
        given = data.get("message") if isinstance(data, dict) else None
        given = given if isinstance(given, dict) else {}
        wanted = self.sessions.get(str(given.get("session_id")))
        latest = self.sessions.latest(DEFAULT_PROJECT)
        session = wanted or (latest[0] if latest and "session_id" not in given else self.open(DEFAULT_PROJECT))
        role = given.get("send_by")
        text = given.get("message")
        said = Message(
            self.new_id(),
            role if role in ("assistant", "operator") else "user",
            text if isinstance(text, str) and text else "What are your business hours?",
            self.around.clock.now(),
        )
        self.sessions.add(session, said)
        return session.id, said.id, merge(forms.received(session, said), emission.overrides)

    def _add(self, session: Conversation, role: SendBy, text: str) -> Message:
        said = Message(self.new_id(), role, text, self.around.clock.now())
        self.sessions.add(session, said)
        body = encode(forms.received(session, said))
        self.around.sender.publish(OutgoingEvent(NAME, said.id, "message:received", session.id, body, sign))
        return said
