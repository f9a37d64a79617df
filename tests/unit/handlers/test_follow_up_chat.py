"""The rules of follow-up-chat, as far as they need no platform."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from clients.account import Account, ChatMessage, Sent
from clients.errors import NotFound
from handlers.follow_up_chat import FollowUp, follow_up_chat
from hookline import ContactRef, ConversationCompleted, Event, MessageCreated, Timer
from hookline.testing import NOW, Attempt, Done, Harness, event_of, run_once
from schemas.events import Role
from schemas.own import TAG, fingerprint

CONFIG: dict[str, Any] = {"message": "Did that answer your question, {name}?"}
DUE = NOW + timedelta(minutes=30)


class Telephone(Account):
    """An account that can be asked for, and nothing more: no test here sends."""

    platform = "telephone"

    async def send(self, conversation_id: str | None, text: str, **more: Any) -> Sent:  # noqa: ARG002 - as above
        raise AssertionError("nothing is sent before the timer fires")

    async def aclose(self) -> None: ...


class Chronicle(Telephone):
    """An account with one conversation, which keeps what is sent to it."""

    def __init__(self, *messages: ChatMessage) -> None:
        super().__init__("desk")
        self.messages = messages
        self.sent: list[str] = []

    async def history(self, conversation_id: str) -> AsyncIterator[ChatMessage]:  # noqa: ARG002 - there is one
        for message in self.messages:
            yield message

    async def send(self, conversation_id: str | None, text: str, **more: Any) -> Sent:  # noqa: ARG002 - as above
        self.sent.append(text)
        return Sent()


class Forgetful(Telephone):
    """An account of a platform that does not know the conversation."""

    async def history(self, conversation_id: str) -> AsyncIterator[ChatMessage]:
        raise NotFound(f"no conversation {conversation_id}", status=404)
        yield  # what makes it a generator


def wrote(name: str, role: str, content: str, before: float | None = None) -> ChatMessage:
    """A message of a history, so many minutes before now."""
    at = None if before is None else NOW - timedelta(minutes=before)
    return ChatMessage(id=name, role=role, content=content, at=at)


def said(content: str, role: Role = "user", **more: Any) -> Event[MessageCreated]:
    contact = ContactRef(id="u1", name="Ada")
    return event_of(
        MessageCreated(message_id="m1", conversation_id="c1", role=role, content=content, contact=contact, **more)
    )


async def handled(event: Event[Any], *, now: datetime = NOW, **config: Any) -> Attempt:
    return await run_once(follow_up_chat, event, config={**CONFIG, **config}, account=Telephone("desk"), now=now)


async def test_an_answer_of_the_assistant_starts_the_clock() -> None:
    """The visitor's silence is counted from there."""
    assert (await handled(said("We open at nine.", "assistant"))).timers == {"follow-up": DUE}


@pytest.mark.parametrize("role", ["user", "agent"])
async def test_a_message_of_a_person_ends_it(role: Role) -> None:
    """The visitor has answered, or an agent has taken over."""
    assert (await handled(said("Thanks", role))).timers == {"follow-up": None}


async def test_a_system_message_changes_nothing() -> None:
    """Nobody has said anything."""
    assert (await handled(said("Conversation assigned", "system"))).timers == {}


@pytest.mark.parametrize(
    "content", ["Did that answer your question, Ada?", "  Did that answer\nyour  question, Bo B.?"]
)
@pytest.mark.parametrize("role", ["user", "assistant", "agent"])
async def test_our_own_message_changes_nothing(content: str, role: Role) -> None:
    """The platform posts it back, as whoever's, with white space of its own: it is neither an answer nor a reason."""
    assert (await handled(said(content, role))).timers == {}


async def test_a_message_of_another_entry_is_told_by_its_tag() -> None:
    """Two entries with two texts do not answer each other."""
    other = "Anything else I can do?"
    tagged = said(other, extra={"metadata": {TAG: fingerprint(other)}})
    assert (await handled(tagged)).timers == {}


async def test_a_tag_that_a_platform_copied_to_a_later_message_does_not_count() -> None:
    """Some keep a conversation's metadata and repeat it: the visitor's words are not ours for that."""
    copied = said("Yes, thank you", extra={"metadata": {TAG: fingerprint("Anything else I can do?")}})
    assert (await handled(copied)).timers == {"follow-up": None}


async def test_a_keyword_asks_for_a_follow_up() -> None:
    """As a whole word, in any case."""
    config: dict[str, Any] = {"when": ["keyword"], "keywords": ["pricing", "demo"]}
    assert (await handled(said("What about PRICING?"), **config)).timers == {"follow-up": DUE}
    assert (await handled(said("A democratic choice"), **config)).timers == {"follow-up": None}


async def test_silence_counts_only_where_it_is_asked_for() -> None:
    """With the keyword rule alone an answer of the assistant starts nothing."""
    config: dict[str, Any] = {"when": ["keyword"], "keywords": ["pricing"]}
    assert (await handled(said("We open at nine.", "assistant"), **config)).timers == {}


async def test_a_completed_conversation_may_ask_for_a_follow_up() -> None:
    """If the rule says so; otherwise it ends what was pending."""
    completed = event_of(ConversationCompleted(conversation_id="c1"))
    assert (await handled(completed, when=["completed"])).timers == {"follow-up": DUE}
    assert (await handled(completed)).timers == {"follow-up": None}


async def test_an_old_event_does_nothing() -> None:
    """After a downtime nobody is asked about last week."""
    old = said("We open at nine.", "assistant")
    assert (await handled(old, now=NOW + timedelta(hours=2))).timers == {}


async def test_a_source_without_an_account_is_left_alone_and_told() -> None:
    """There is nothing to send with, and no reason to fill the dead letters; one line a day says what to add."""

    def answer(number: int, source: str, time: datetime) -> Event[MessageCreated]:
        data = MessageCreated(message_id=str(number), conversation_id="c1", role="assistant", content="At nine.")
        return event_of(data, source=source, time=time)

    async with Harness.opened(follow_up_chat, config=CONFIG, now=NOW) as harness:
        with capture_logs() as logged:
            attempts = [
                await harness.run_once(answer(number, source, NOW))
                for number, source in enumerate(["desk", "desk", "shop"])
            ]
            harness.clock.advance("1d")
            await harness.run_once(answer(3, "desk", harness.clock.now()))
    assert [(each.outcome, each.timers) for each in attempts] == [(Done(), {})] * 3
    told = [each for each in logged if each["event"] == "followup.skipped"]
    assert [(each["log_level"], each["source"]) for each in told] == [
        ("warning", "desk"),
        ("warning", "shop"),
        ("warning", "desk"),
    ]
    assert "add a section [accounts.desk] to hookline.toml" in told[0]["fix"]


async def test_a_platform_without_a_client_is_no_mistake_of_the_configuration() -> None:
    """No section would help: it is said once, and not as a warning."""
    data = MessageCreated(message_id="1", conversation_id="c1", role="assistant", content="At nine.")
    async with Harness.opened(follow_up_chat, config=CONFIG, now=NOW) as harness:
        with capture_logs() as logged:
            for number in range(2):
                await harness.run_once(
                    event_of(data, identity=str(number), source="inbox", platform="chatwoot", time=NOW)
                )
    told = [(each["log_level"], each["reason"]) for each in logged if each["event"] == "followup.skipped"]
    assert told == [("info", "chatwoot is inbound only: hookline has no client of it, so nobody can answer there")]


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({}, "message"),
        ({"message": "Hi {name}"}, "needs at least 8 letters"),
        ({"message": "Hello {contact.email}, how are you?"}, "only placeholder is {name}"),
        ({"message": "Hello {name!r}, how are you?"}, "only placeholder is {name}"),
        ({**CONFIG, "timezone": "Mars/Olympus"}, "no time zone"),
        ({**CONFIG, "quiet": "22:00"}, "two different times"),
        ({**CONFIG, "quiet": "22:00-22:00"}, "two different times"),
        ({**CONFIG, "quiet": "22:00-25:00"}, "from 00:00 to 23:59 with a dash"),
        ({**CONFIG, "when": ["keyword"]}, "belong together"),
        ({**CONFIG, "keywords": ["demo"]}, "belong together"),
        ({**CONFIG, "after": 600}, "not a duration"),
        ({**CONFIG, "messsage": "x"}, "messsage"),
    ],
)
def test_a_wrong_configuration_is_told(config: dict[str, Any], what: str) -> None:
    """Before the handler starts, with the field."""
    with pytest.raises(ValidationError, match=what):
        FollowUp.model_validate(config)


def test_the_text_names_the_contact() -> None:
    """Or says what the configuration says when nobody knows the name."""
    config = FollowUp.model_validate(CONFIG)
    assert config.text("Ada") == "Did that answer your question, Ada?"
    assert config.text(" ") == "Did that answer your question, there?"


def test_a_name_with_braces_is_only_a_name() -> None:
    """What a visitor calls themselves is not read as a template."""
    assert FollowUp.model_validate(CONFIG).text("{name}{0}") == "Did that answer your question, {name}{0}?"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-01T20:59+00:00", None),
        ("2026-01-01T21:00+00:00", "2026-01-02T07:00+00:00"),
        ("2026-01-02T06:59+00:00", "2026-01-02T07:00+00:00"),
        ("2026-01-02T07:00+00:00", None),
        # the night of the change to summer time is an hour shorter
        ("2026-03-28T23:00+00:00", "2026-03-29T06:00+00:00"),
    ],
)
def test_quiet_hours_lie_over_midnight_in_their_zone(now: str, until: str | None) -> None:
    """22:00 to 08:00 in Berlin."""
    config = FollowUp.model_validate({**CONFIG, "quiet": "22:00-08:00", "timezone": "Europe/Berlin"})
    assert config.quiet is not None
    end = config.quiet.until(datetime.fromisoformat(now), ZoneInfo(config.timezone))
    assert (None if end is None else end.astimezone(UTC)) == (None if until is None else datetime.fromisoformat(until))


def test_quiet_hours_may_lie_within_a_day() -> None:
    """13:00 to 15:00."""
    quiet = FollowUp.model_validate({**CONFIG, "quiet": "13:00 - 15:00"}).quiet
    assert quiet is not None
    zone = ZoneInfo("UTC")
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert [quiet.until(noon + timedelta(hours=hours), zone) for hours in (0, 1, 3)] == [
        None,
        datetime(2026, 1, 1, 15, tzinfo=zone),
        None,
    ]


OURS = "Did that answer your question, Ada?"
ASKED, ANSWERED = wrote("m0", "user", "When?", 31), wrote("m1", "assistant", "At nine.", 30)
THANKED = wrote("m2", "user", "Thanks", 20)


@pytest.mark.parametrize(
    ("messages", "sends"),
    [
        ((ASKED, ANSWERED), True),
        # newest first, as some platforms give it
        ((ANSWERED, ASKED), True),
        ((ASKED, ANSWERED, THANKED), False),
        ((THANKED, ANSWERED, ASKED), False),
        # an earlier attempt sent it, with and without times, and the visitor has answered it
        ((ASKED, ANSWERED, wrote("f", "user", OURS, 0), wrote("m2", "user", "Yes", -1)), False),
        ((wrote("m1", "assistant", "At nine."), wrote("f", "user", OURS), wrote("m2", "user", "Yes")), False),
        # the follow-up before this one, a few seconds ago, which the visitor has answered
        ((wrote("f", "user", OURS, 0.6), wrote("m0", "user", "No", 0.4), wrote("m1", "assistant", "Ten.", 0.2)), True),
        # the message that set the timer is not in the history
        ((ASKED, wrote("f", "user", OURS, -1), wrote("m2", "user", "Yes", -2)), False),
        ((wrote("f", "user", OURS, 50), ASKED), True),
    ],
)
async def test_the_history_decides_whether_it_is_sent(messages: tuple[ChatMessage, ...], *, sends: bool) -> None:
    """Whoever answered, or has it already, is left in peace, in whatever order the platform tells it."""
    account = Chronicle(*messages)
    timer = Timer(name="follow-up", due=NOW, conversation_id="c1", data={"message": "m1", "name": "Ada"})
    attempt = await run_once(follow_up_chat, event_of(timer, key="c1"), config=CONFIG, account=account, now=NOW)
    assert attempt.outcome == Done()
    assert account.sent == ([OURS] if sends else [])


async def test_a_conversation_that_is_gone_is_told_and_left_alone() -> None:
    """There is nobody to write to: a dead letter would only be discarded."""
    timer = event_of(Timer(name="follow-up", due=NOW, conversation_id="c1"), key="c1")
    with capture_logs() as logs:
        attempt = await run_once(follow_up_chat, timer, config=CONFIG, account=Forgetful("desk"), now=NOW)
    assert attempt.outcome == Done()
    told = [(line["log_level"], line["reason"]) for line in logs if line["event"] == "followup.skipped"]
    assert told == [("warning", "the platform does not know the conversation")]
