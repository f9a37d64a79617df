"""The auditor finds what it is there to find: each defect is planted once."""

from typing import Any

from tests.faults.auditor import (
    Answer,
    Sent,
    copied,
    corrupted,
    dishonest,
    inversions,
    lost,
    misnamed,
    undelivered,
    verdict,
)


def accepted(seq: int, conversation: str = "c1", **body: Any) -> Answer:
    name = f"message.created:m-{conversation}-{seq}"
    return Answer(status=202, body={"id": name, "ids": [name], "duplicate": False, **body})


def sent(seq: int, conversation: str = "c1", *answers: Answer) -> Sent:
    given = list(answers) or [accepted(seq, conversation)]
    return Sent(id=f"m-{conversation}-{seq}", conversation=conversation, seq=seq, accepted=1.0, answers=given)


def record(seq: int, conversation: str = "c1", **changes: Any) -> dict[str, Any]:
    whole = {
        "key": conversation,
        "headers": {"ce_id": f"message.created:m-{conversation}-{seq}"},
        "value": {"content": sent(seq, conversation).content},
    }
    return {**whole, **changes}


def delivery(seq: int, content: str | None = None) -> dict[str, Any]:
    one = sent(seq)
    return {"value": {"data": {"messageId": one.id, "content": one.content if content is None else content}}}


NO_ANSWER = Answer(status=None)
REFUSED = Answer(status=503, retry_after="2")


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


def test_each_content_is_its_own() -> None:
    """Two events differ in content and length, so that one cannot pass for the other."""
    assert sent(1).content != sent(2).content
    assert len({len(sent(seq).content) for seq in range(20)}) > 10


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


def test_an_attempt_without_an_answer_may_have_written() -> None:
    """Two copies are explained by an attempt that was cut off and one that was accepted."""
    assert copied([sent(1, "c1", NO_ANSWER, accepted(1))], [record(1), record(1)]) == []


def test_a_refused_attempt_may_have_written() -> None:
    """503 does not say that nothing was written."""
    assert copied([sent(1, "c1", REFUSED, accepted(1))], [record(1), record(1)]) == []


def test_a_second_copy_of_one_attempt_has_no_cause() -> None:
    """One attempt writes once."""
    assert copied([sent(1)], [record(1), record(1)]) == ["m-c1-1"]


def test_what_is_called_a_duplicate_writes_nothing() -> None:
    """A copy beside the answer `duplicate` has no cause."""
    again = accepted(1, duplicate=True)
    assert copied([sent(1, "c1", accepted(1), again)], [record(1), record(1)]) == ["m-c1-1"]


def test_another_id_in_an_answer_is_told() -> None:
    """The id names the fact, on the first try and on every other."""
    other = accepted(2)
    assert misnamed([sent(1), sent(1, "c1", accepted(1), other)]) == ["m-c1-1"]


def test_a_first_delivery_is_no_duplicate() -> None:
    """Who claims so has not looked."""
    assert dishonest([sent(1, "c1", accepted(1, duplicate=True))]) == ["m-c1-1"]


def test_a_retry_may_be_a_duplicate() -> None:
    """The attempt before may have been kept."""
    assert dishonest([sent(1, "c1", NO_ANSWER, accepted(1, duplicate=True))]) == []


def test_a_refusal_says_when_to_come_again() -> None:
    """503 without Retry-After is told."""
    assert dishonest([sent(1, "c1", Answer(status=503), accepted(1))]) == ["m-c1-1"]


def test_no_fault_gives_another_status() -> None:
    """500 is told."""
    assert dishonest([sent(1, "c1", Answer(status=500), accepted(1))]) == ["m-c1-1"]


def test_the_delivery_is_kept_beside_its_event() -> None:
    """A missing or another delivery is told."""
    assert undelivered([sent(1), sent(2), sent(3)], [delivery(1), delivery(2, "x")]) == ["m-c1-2", "m-c1-3"]


def test_a_duplicate_need_not_have_a_delivery() -> None:
    """The attempt that kept the event was cut off before the copy of its delivery."""
    assert undelivered([sent(1, "c1", NO_ANSWER, accepted(1, duplicate=True))], []) == []


def test_a_verdict_names_only_what_is_wrong() -> None:
    """The kinds of defects that were found, and none of the others."""
    assert verdict([sent(1)], [record(1)], [delivery(1)]) == {}
    assert verdict([sent(1), sent(2)], [record(1)], [delivery(1), delivery(2)]) == {"lost": ["m-c1-2"]}
