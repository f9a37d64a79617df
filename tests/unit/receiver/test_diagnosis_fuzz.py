"""Whatever a stranger posts, finding out why it was refused never fails: an error there would change the answer."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.delivery import Delivery, Headers, Target
from receiver.diagnosis.diagnosis import Diagnosis
from receiver.diagnosis.hint import KINDS
from receiver.diagnosis.looks import LOOKS
from receiver.problems import UNAUTHENTICATED
from receiver.recipes.catalogue import Catalogue
from receiver.sources.source import Source
from tests.unit.receiver.parts import NOW
from tests.unit.receiver.refusals import SECRET, TOKEN, WHSEC, of, sources

# Signed things as they look, and anything else.
PIECES = st.sampled_from(
    [b"t=", b"v1=", b"v1,", b"sha256=", b",", b" ", b"=", b"1700000000", b"0" * 64, b"A" * 43, b"Bearer "]
)
VALUES = st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=6).map(b"".join))
BODIES = st.one_of(st.binary(max_size=60), st.sampled_from([b"{}", b'{"a":[1.5,"\\ud800"]}', b"[" * 300, b"a=1&b=%zz"]))


def source_of(platform: str) -> dict[str, Source]:
    scheme = Catalogue()[platform].scheme
    if Catalogue()[platform].polled:
        return sources(shop={"platform": platform})
    if scheme.mode in ("path_secret", "none"):
        return sources(shop={"platform": platform, "token": TOKEN})
    public = {"public_url": "https://hooks.example.org/in/shop"} if scheme.signs_url else {}
    return of(platform, WHSEC if scheme.key_format == "whsec" else SECRET, token=TOKEN, **public)


@pytest.mark.parametrize("platform", sorted(Catalogue()))
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_any_request_is_looked_at(platform: str, data: Any) -> None:
    """Of every platform, for every reason."""
    known = source_of(platform)
    ring = known["shop"].ring
    names = [*ring.guarded, b"content-type", b"content-length", b"host", b"x-hub-signature-256"]
    headers = [(name, data.draw(VALUES)) for name in names if data.draw(st.booleans())]
    target = Target("shop", data.draw(st.sampled_from(["", "x", TOKEN])), data.draw(st.text(max_size=30)))
    delivery = Delivery(method="POST", target=target, headers=Headers(headers), body=data.draw(BODIES))
    for reason in LOOKS:
        diagnosis = Diagnosis(known, monotonic=lambda: 0.0, clock=lambda: NOW)
        for hint in diagnosis.of(known["shop"], delivery, UNAUTHENTICATED, reason):
            assert hint.kind in KINDS
            assert hint.text.isprintable()
            assert not any(secret in hint.text for secret in (SECRET, WHSEC, TOKEN))
