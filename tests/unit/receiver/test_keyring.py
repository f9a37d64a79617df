"""What a keyring refuses to be made of, and what it does not tell."""

from typing import Any

import pytest

from receiver.keyring import Keyring
from schemas.keys import UnusableSecret
from schemas.schemes import MYGPTASSISTANTS, STANDARD, Scheme


@pytest.mark.parametrize(
    ("scheme", "secrets", "more", "problem"),
    [
        (MYGPTASSISTANTS, [], {}, "a secret is needed"),
        (MYGPTASSISTANTS, ["s"] * 6, {}, "at most 5"),
        (Scheme(mode="path_secret"), [], {}, "a path token is needed"),
        (Scheme.model_validate({"signature": {"header": "x"}, "template": "{url}{body}"}), ["s"], {}, "public_url"),
    ],
)
def test_incomplete_keyring_is_refused(scheme: Scheme, secrets: list[str], more: dict[str, Any], problem: str) -> None:
    """A source that could not verify anything does not start."""
    with pytest.raises(ValueError, match=problem):
        Keyring(scheme, secrets, **more)


def test_secret_of_another_form_is_refused() -> None:
    """Half a copied secret is noticed at the start."""
    with pytest.raises(UnusableSecret):
        Keyring(STANDARD, ["whsec_not base64"])


def test_keyring_does_not_show_its_secrets() -> None:
    """A keyring in a log or a traceback tells nothing."""
    ring = Keyring(MYGPTASSISTANTS, ["canary-secret-7531"], path_token="canary-token-7531")
    assert repr(ring) == "Keyring(hmac, 1 secrets)"


def test_headers_that_must_be_there_once() -> None:
    """Everything that proves or names a delivery is guarded."""
    assert Keyring(STANDARD, ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"]).guarded == (
        b"webhook-timestamp",
        b"webhook-signature",
        b"webhook-id",
        b"content-type",
    )
