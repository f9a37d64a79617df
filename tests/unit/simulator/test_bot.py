"""The bot's rules."""

import pytest

from simulator.bot import FALLBACK, answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What are your business hours?", "Our business hours are Monday-Friday, 9 AM to 5 PM EST."),
        ("Hello", "Hi! How can I help you today?"),
        (
            "Hello, what can you help me with?",
            "Hello! I can help you with orders, prices, your account and our opening hours.",
        ),
        (
            "How much is the TEAM plan?",
            "The Starter plan is $19 a month and the Team plan $49. Both can be tried for 14 days.",
        ),
        (
            "Did that answer your question?",
            "Thank you for asking. If anything is left open, tell me and I will look again.",
        ),
    ],
)
def test_a_question_gets_its_answer(text: str, expected: str) -> None:
    """The documentation's own questions get the documentation's answers."""
    assert answer(text, turn=0) == expected


def test_only_beginnings_of_words_count() -> None:
    """`explain` is no question about plans, and `rapid` none about the API."""
    assert answer("explain that rapid thing", turn=0) == FALLBACK[0]


def test_the_second_turn_gets_the_next_answer() -> None:
    """A conversation goes on instead of repeating itself."""
    assert answer("It is my order", turn=1) == "It left our warehouse this morning and should arrive within two days."


def test_a_word_beyond_the_looked_at_part_is_not_found() -> None:
    """A huge message costs no more than a long one."""
    assert answer("x" * 3_000 + " hello", turn=0) == FALLBACK[0]
