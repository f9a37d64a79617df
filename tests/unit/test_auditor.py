"""The auditor finds what it is there to find: each defect is planted once."""

from typing import Any

from tests.faults.auditor import Sent, corrupted, inversions, lost


def sent(seq: int, conversation: str = "c1") -> Sent:
    return Sent(id=f"m-{conversation}-{seq}", conversation=conversation, seq=seq, accepted=1.0)


def record(seq: int, conversation: str = "c1", **changes: Any) -> dict[str, Any]:
    whole = {
        "key": conversation,
        "headers": {"ce_id": f"message.created:m-{conversation}-{seq}"},
        "value": {"content": str(seq)},
    }
    return {**whole, **changes}


def test_nothing_is_lost_when_all_is_there() -> None:
    """A duplicate is no loss."""
    assert lost([sent(1), sent(2)], [record(1), record(2), record(2)]) == []


def test_a_missing_record_is_lost() -> None:
    """The accepted event that is not in the log is named."""
    assert lost([sent(1), sent(2)], [record(1)]) == ["m-c1-2"]


def test_another_value_is_corruption() -> None:
    """The content has to be what was sent."""
    assert corrupted([sent(1)], [record(1, value={"content": "2"})]) == ["message.created:m-c1-1"]


def test_another_key_is_corruption() -> None:
    """The key has to be the conversation."""
    assert corrupted([sent(1)], [record(1, key="c2")]) == ["message.created:m-c1-1"]


def test_a_record_nobody_sent_is_corruption() -> None:
    """Nothing may appear from nowhere."""
    assert corrupted([sent(1)], [record(1), record(9)]) == ["message.created:m-c1-9"]


def test_order_is_that_of_first_appearance() -> None:
    """A late copy of an earlier event is a duplicate, not an inversion."""
    ids = ["message.created:m-c1-1", "message.created:m-c1-2", "message.created:m-c1-1"]
    assert inversions(ids) == []


def test_a_swap_within_a_conversation_is_an_inversion() -> None:
    """Order holds within a conversation."""
    assert inversions(["message.created:m-c1-2", "message.created:m-c1-1"]) == ["message.created:m-c1-1"]


def test_conversations_do_not_order_each_other() -> None:
    """Order is never promised across keys."""
    assert inversions(["message.created:m-c1-2", "message.created:m-c2-1"]) == []
