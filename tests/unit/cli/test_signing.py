"""What `hookline send` adds to a body, as the source's platform would."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from cli.errors import Misconfigured
from cli.signing import FORM, JSON, Request, content_type, signed
from receiver.recipes.catalogue import Catalogue
from receiver.settings import SourceSettings

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
SECRET = "a secret of & 16 or more"
CATALOGUE = Catalogue()


def sent(platform: str, body: bytes = b'{"a":1}', kind: str = JSON, **settings: Any) -> Request:
    source = SourceSettings.model_validate({"platform": platform, "secrets": [SECRET], **settings})
    request = Request("http://127.0.0.1:1/in/x", body, {"content-type": kind})
    return signed(CATALOGUE[platform], source, request, delivery_id="msg_1", now=NOW)


def test_without_a_secret_nothing_is_added() -> None:
    """A token in the path says it all."""
    found = sent("github", secrets=[], token="0123456789abcdef")
    assert (found.url, found.headers) == ("http://127.0.0.1:1/in/x", {"content-type": JSON})


def test_secret_in_the_url_is_escaped() -> None:
    """Crisp's website hook."""
    assert sent("crisp-website").url == "http://127.0.0.1:1/in/x?key=a%20secret%20of%20%26%2016%20or%20more"


def test_secret_in_the_body_is_put_there() -> None:
    """LiveChat's; a body that has it stays as it is."""
    assert sent("livechat").body == b'{"a": 1, "secret_key": "a secret of & 16 or more"}'
    given = b'{"secret_key":"a secret of & 16 or more"}'
    assert sent("livechat", given).body == given


@pytest.mark.parametrize("body", [b"[]", b"a=b", b""])
def test_secret_in_a_body_needs_an_object(body: bytes) -> None:
    """Else it cannot stand there."""
    with pytest.raises(Misconfigured, match="has its secret in the body, as secret_key"):
        sent("livechat", body)


def test_json_of_twilio_has_its_hash_in_the_url() -> None:
    """The URL is what Twilio signs; it is called with the hash, too."""
    found = sent("twilio", public_url="https://hooks.example.org/in/x")
    assert found.url == f"http://127.0.0.1:1/in/x?bodySHA256={sha256(found.body).hexdigest()}"
    assert "x-twilio-signature" in found.headers


def test_form_of_twilio_is_signed_with_the_url() -> None:
    """As twilio.com/docs/usage/webhooks/webhooks-security says: another address, another signature."""
    form = b"CallSid=CA1234567890ABCDE&Digits=1234"
    first = sent("twilio", form, FORM, public_url="https://mycompany.com/a")
    other = sent("twilio", form, FORM, public_url="https://mycompany.com/b")
    assert first.url == "http://127.0.0.1:1/in/x"
    assert first.headers["x-twilio-signature"] != other.headers["x-twilio-signature"]


def test_secret_that_cannot_sign_is_told() -> None:
    """Svix wants base64."""
    with pytest.raises(Misconfigured, match="not base64"):
        sent("svix")


@pytest.mark.parametrize(("platform", "kind"), [("slack", JSON), ("github", JSON), ("mygptassistants", JSON)])
def test_bodies_are_json_where_they_may_be(platform: str, kind: str) -> None:
    """What else it is, `--header content-type:…` says."""
    assert content_type(CATALOGUE[platform]) == kind
