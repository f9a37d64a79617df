"""TOML text, whatever it holds."""

import pytest

from cli.toml_text import parsed


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Some editors put one before UTF-8."""
    assert parsed("\ufeff[receiver]\nport = 1\n") == {"receiver": {"port": 1}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = " + "[" * 5_000, "lists within each other"),
        ("x = " + "[" * 40 + "]" * 40, "lists within each other"),
        (".".join(["a"] * 3_000) + " = 1", "lists within each other"),
        ("x = " + "9" * 5_000, "64 bits"),
        ("x = 0x" + "f" * 5_000, "^x: a number is larger"),
        ("x = [[99999999999999999999]]", "^x: a number is larger"),
        ("x = ", "Invalid value"),
    ],
)
def test_what_nothing_can_work_with_is_a_problem(text: str, said: str) -> None:
    """Nested without end, numbers without end: never another exception."""
    with pytest.raises(ValueError, match=said):
        parsed(text)
