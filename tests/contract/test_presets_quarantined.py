"""What a preset could not read is kept so that, mended, it reads of it what it would have read when it came."""

from dataclasses import replace

import pytest

from receiver.intake import Accepted, Refusal, intake
from receiver.quarantine import opened
from receiver.sources.platform import Unreadable, not_fitting
from receiver.verification import Verified
from schemas.record import StoredRecord
from tests.contract.presets import NOW, PRESETS, TOPICS, Sample, posted, samples, source


def blind(_: Verified) -> Unreadable:
    """Stands for a model that does not fit what the platform sends."""
    return not_fitting(["$"])


@pytest.mark.parametrize("sample", [sample for preset in PRESETS for sample in samples(preset)], ids=str)
def test_a_quarantined_sample_is_read_as_if_it_had_been_read_at_once(sample: Sample) -> None:
    """The same records under the same ids with the time it first came; only who signed is not known again."""
    mended, came = source(sample.preset), posted(sample)
    broken = replace(mended, platform=replace(mended.platform, read=blind))
    outcome = intake(broken, came, TOPICS, NOW)
    named = outcome.quarantine if isinstance(outcome, Refusal) else None
    if isinstance(outcome, Accepted):
        [named] = outcome.records
    assert named is not None
    record = named.record
    fields = {name: getattr(record, name) for name in ("topic", "key", "value", "headers", "timestamp")}
    kept = opened(StoredRecord(**fields, partition=0, offset=0))
    assert kept is not None
    at_once, again = intake(mended, came, TOPICS, NOW), kept.again(mended, TOPICS)
    assert isinstance(at_once, Accepted)
    assert isinstance(again, Accepted)
    assert again == replace(at_once, secret=None)
