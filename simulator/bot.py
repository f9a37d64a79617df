"""The bot behind the simulated platforms: a few rules, the same answer to the same question."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """Answers a message in which a word begins like one of `words`; with every further turn the next of `answers`."""

    words: tuple[str, ...]
    answers: tuple[str, ...]


RULES: Final = (
    Rule(
        ("did that answer", "did this answer", "still need help", "how did it go"),
        ("Thank you for asking. If anything is left open, tell me and I will look again.",),
    ),
    Rule(
        ("human", "agent", "real person", "someone from"),
        ("I have asked a colleague to join. They usually reply within ten minutes during business hours.",),
    ),
    Rule(
        ("business hours", "opening", "open on", "when are you"),
        ("Our business hours are Monday-Friday, 9 AM to 5 PM EST.", "We are closed on public holidays."),
    ),
    Rule(
        ("refund", "money back", "return it", "cancel my"),
        (
            "You can ask for a refund within 30 days. May I have your order number?",
            "Thank you. The refund is on its way and takes three to five working days.",
        ),
    ),
    Rule(
        ("order", "parcel", "shipping", "delivery", "tracking"),
        (
            "I can look that up. What is your order number?",
            "It left our warehouse this morning and should arrive within two days.",
        ),
    ),
    Rule(
        ("price", "cost", "plan", "pricing", "discount"),
        (
            "The Starter plan is $19 a month and the Team plan $49. Both can be tried for 14 days.",
            "Paying yearly saves two months.",
        ),
    ),
    Rule(
        ("password", "log in", "login", "sign in", "account"),
        (
            "You can reset your password with the link on the sign-in page. Did the e-mail arrive?",
            "Then I have sent it once more; please look into the spam folder too.",
        ),
    ),
    Rule(
        ("error", "broken", "crash", "not work", "doesn't work", "bug"),
        (
            "I am sorry about that. What do you see on the screen, and since when?",
            "Thank you, I have passed this on to our engineers.",
        ),
    ),
    Rule(
        ("integrat", "webhook", "api", "zapier"),
        ("Yes, there is an API and there are webhooks. Settings, then Webhooks, is the place to begin.",),
    ),
    Rule(("my e mail", "my email", "my number", "my phone"), ("Thank you, I have noted that.",)),
    Rule(("thank", "great", "perfect"), ("You are welcome! Is there anything else I can do?",)),
    Rule(("bye", "that's all", "that is all"), ("Goodbye, and have a nice day!",)),
    Rule(
        ("story",),
        ("Once upon a time a webhook went out into the world, and it came home with a 202. The end.",),
    ),
    Rule(("what can you",), ("Hello! I can help you with orders, prices, your account and our opening hours.",)),
    Rule(("hello", "hi ", "hey", "good morning"), ("Hi! How can I help you today?",)),
)

FALLBACK: Final = (
    "I am not sure I understood. Could you say it in other words?",
    "Let me find someone who knows. May I have your e-mail address?",
)

_BETWEEN_WORDS: Final = re.compile(r"[^\w']+")

LOOKED_AT: Final = 2_000
"""Characters of a message that are searched: an answer costs the same however long the question is."""


def asks_for_a_person(text: str) -> bool:
    """Say whether the answer to a visitor's message is that a person was asked to join."""
    return any("colleague to join" in said for said in _rule(text))


def answer(text: str, *, turn: int) -> str:
    """Return the answer to the visitor's message number `turn` (from 0) of a conversation."""
    answers = _rule(text)
    return answers[turn % len(answers)]


def _rule(text: str) -> tuple[str, ...]:
    asked = f" {_BETWEEN_WORDS.sub(' ', text[:LOOKED_AT].casefold())} "
    for rule in RULES:
        if any(f" {word}" in asked for word in rule.words):
            return rule.answers
    return FALLBACK
