"""Anything that signs by Standard Webhooks: verified, named by its `webhook-id`, and kept as it came.

The spec imposes no shape on a payload, so hookline does not guess what an event of a stranger means: it goes to
`hookline.platform` untouched, and a handler that knows the sender reads it there.
"""

from pydantic_core import from_json

from receiver.sources.numbers import unholdable
from receiver.sources.platform import Fact, Platform, Reading, Unreadable, not_fitting
from receiver.verification import Verified
from schemas.events import Unknown
from schemas.lenient import as_short_text
from schemas.schemes import STANDARD
from schemas.standard_webhooks import time_of


def read(verified: Verified) -> Reading | Unreadable:
    """The one fact of a delivery: its body, byte for byte."""
    try:
        payload = from_json(verified.body, allow_inf_nan=False)
    except ValueError:
        # What is kept as it came may hold a number that is too large for a double, but none that no reader can parse.
        numbers = unholdable(verified.body)
        return not_fitting(numbers) if numbers else Unreadable(kind="not-json")
    name = as_short_text(payload.get("type")) if isinstance(payload, dict) else None
    fact = Fact(data=Unknown(payload=None), time=time_of(payload), raw=verified.body, name=name)
    return Reading(facts=(fact,), delivery=verified.id)


PLATFORM = Platform(name="standard", scheme=STANDARD, read=read)
