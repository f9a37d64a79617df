"""What senders' own libraries sign is taken, and twelve forgeries of each are not."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hubspot.utils.signature import Signature
from slack_sdk.signature import SignatureVerifier
from stripe import WebhookSignature
from svix.webhooks import Webhook
from twilio.request_validator import RequestValidator

from cli.signing import FORM, JSON, Request
from receiver.delivery import Delivery
from receiver.intake import Accepted, Refusal, intake
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from tests.contract.forgeries import SIGNED, changes_of
from tests.contract.presets import (
    CATALOGUE,
    NOW,
    PUBLIC,
    SECRET,
    TOPICS,
    WHSEC,
    Sample,
    delivery,
    posted,
    samples,
    source,
)
from tests.contract.senders import NodeLibraries, node_libraries

__all__ = ["node_libraries"]
SECONDS = int(NOW.timestamp())
JSON_BODY = '{"id":"evt_1","type":"invoice.paid","text":"Wann öffnet ihr?"}'
FORM_BODY = "Body=When+do+you+open%3F&From=%2B14158675309&To=%2B18005551212&Empty=&Umlaut=%C3%B6"


def slack(body: str) -> dict[str, str]:
    """slack-sdk."""
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=str(SECONDS), body=body)
    return {"x-slack-request-timestamp": str(SECONDS), "x-slack-signature": signature or ""}


def stripe(body: str) -> dict[str, str]:
    """The library stripe."""
    return {"stripe-signature": WebhookSignature.generate_signature_header(body, SECRET, timestamp=SECONDS)}


def svix(body: str) -> dict[str, str]:
    """The library svix."""
    signature = Webhook(WHSEC).sign("msg_1", datetime.fromtimestamp(SECONDS, UTC), body)
    return {"svix-id": "msg_1", "svix-timestamp": str(SECONDS), "svix-signature": signature}


def twilio_form(body: str) -> dict[str, str]:
    """twilio, for a form."""
    fields = dict(parse_qsl(body, keep_blank_values=True))
    return {"x-twilio-signature": RequestValidator(SECRET).compute_signature(f"{PUBLIC}?a=b", fields)}


def twilio_json(body: str) -> dict[str, str]:
    """twilio, for JSON."""
    validator = RequestValidator(SECRET)
    return {
        "x-twilio-signature": validator.compute_signature(f"{PUBLIC}?bodySHA256={validator.compute_hash(body)}", {})
    }


def hubspot(body: str) -> dict[str, str]:
    """hubspot-api-client, version 3."""
    stamp = str(SECONDS * 1000)
    signature = Signature.get_signature(SECRET, body, "v3", PUBLIC, "POST", stamp)
    return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}


def hubspot_v1(body: str) -> dict[str, str]:
    """hubspot-api-client, version 1."""
    return {"x-hubspot-signature": Signature.get_signature(SECRET, body, "v1")}


# Preset, body, query, and the library.
PYTHON: Mapping[str, tuple[str, str, str, Callable[[str], dict[str, str]]]] = MappingProxyType(
    {
        "slack": ("slack", JSON_BODY, "", slack),
        "slack, a form": ("slack", FORM_BODY, "", slack),
        "stripe": ("stripe", JSON_BODY, "", stripe),
        "svix": ("svix", JSON_BODY, "", svix),
        "twilio, a form": ("twilio", FORM_BODY, "?a=b", twilio_form),
        "twilio, JSON": (
            "twilio",
            JSON_BODY,
            f"?bodySHA256={RequestValidator(SECRET).compute_hash(JSON_BODY)}",
            twilio_json,
        ),
        "hubspot": ("hubspot", f"[{JSON_BODY}]", "", hubspot),
        "hubspot-v1": ("hubspot-v1", f"[{JSON_BODY}]", "", hubspot_v1),
    }
)
python = pytest.mark.parametrize("name", PYTHON)


def sent(body: str, query: str, headers: dict[str, str]) -> Delivery:
    kind = FORM if body == FORM_BODY else JSON
    return delivery(Request(f"/in/acme{query}", body.encode(), {"content-type": kind, **headers}))


@python
def test_what_a_library_signs_is_taken(name: str) -> None:
    """The sender's own code for Python, with its own idea of bytes, times and encodings."""
    preset, body, query, sign = PYTHON[name]
    assert isinstance(intake(source(preset), sent(body, query, sign(body)), TOPICS, NOW), Accepted)


@pytest.mark.parametrize("change", SIGNED)
@python
def test_forgery_of_what_a_library_signs_is_refused(name: str, change: str) -> None:
    """Each of the twelve."""
    preset, body, query, sign = PYTHON[name]
    forged = changes_of(preset)[change](sent(body, query, sign(body)), CATALOGUE[preset].scheme)
    outcome = intake(source(preset), forged, TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.problem.status == 401


@pytest.mark.parametrize("library", ["github", "stripe", "standard"])
def test_what_a_library_for_node_signs_is_taken(library: str, node_libraries: NodeLibraries) -> None:
    """The same with @octokit/webhooks-methods, stripe and standardwebhooks; and the forgeries of each are refused."""
    secret = WHSEC if library == "standard" else SECRET
    headers = node_libraries.run(library=library, secret=secret, body=JSON_BODY, id="msg_1", time=SECONDS)
    settings = SourceSettings.model_validate({"platform": library, "secrets": [secret]})
    acme = open_sources({"acme": settings}, ReceiverSettings())["acme"]
    came = sent(JSON_BODY, "", headers)
    assert isinstance(intake(acme, came, TOPICS, NOW + timedelta(minutes=4)), Accepted)
    for change in SIGNED.values():
        assert isinstance(intake(acme, change(came, acme.platform.scheme), TOPICS, NOW), Refusal)


@pytest.mark.parametrize("flaw", ["", "x"])
def test_lines_library_takes_what_we_sign(flaw: str, node_libraries: NodeLibraries) -> None:
    """@line/bot-sdk only checks, so it is asked about the signature of `hookline send`, and about a wrong one."""
    sample: Sample = samples("line")[0]
    signature = (posted(sample).headers.get(b"x-line-signature") or b"").decode()
    job: dict[str, Any] = {"library": "line", "secret": SECRET, "body": sample.body.decode(), "signature": signature}
    assert node_libraries.run(**{**job, "body": job["body"] + flaw}) is (not flaw)
