"""Messages of ours that a platform posts back."""

from schemas.own import TAG, is_marked, marked


def test_a_marked_message_is_known_again() -> None:
    """Whatever the platform does to its white space."""
    assert is_marked(marked({"userId": "u1"}, "How did it go?"), " How  did it go?\n")


def test_the_callers_metadata_is_kept() -> None:
    """The mark is one more field."""
    assert marked({"userId": "u1"}, "a")["userId"] == "u1"


def test_a_mark_that_a_platform_copied_to_another_message_counts_for_nothing() -> None:
    """The visitor's answer must not be taken for ours."""
    assert not is_marked(marked(None, "How did it go?"), "Fine, thanks")


def test_metadata_of_any_shape_is_no_mark() -> None:
    """It is a stranger's JSON."""
    assert [is_marked(value, "a") for value in (None, "hookline", [TAG], {TAG: None}, {TAG: {}})] == [False] * 5
