"""Sources that can be opened, and why others cannot."""

from datetime import timedelta
from typing import Any

import pytest

from receiver.errors import SourceMisconfigured
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources, record_limit
from receiver.sources.source import Source

GOOD = "0123456789abcdef"
WHSEC = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
PRIVATE = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="


def opened(name: str = "support", **settings: Any) -> Source:
    known = {name: SourceSettings.model_validate({"platform": "mygptassistants", **settings})}
    return open_sources(known, ReceiverSettings())[name]


def problem(name: str = "support", **settings: Any) -> str:
    with pytest.raises(SourceMisconfigured) as caught:
        opened(name, **settings)
    (found,) = caught.value.problems
    return found


def test_source_takes_the_name_of_its_account() -> None:
    """By default the account is the one of the same name."""
    assert opened(secrets=[GOOD]).account == "support"
    assert opened(secrets=[GOOD], account="main").account == "main"


def test_source_takes_the_receivers_limit_unless_it_has_its_own() -> None:
    """A source may take less, or more, than the others."""
    assert opened(secrets=[GOOD]).body_limit == 1024 * 1024
    assert opened(secrets=[GOOD], body_limit=1000).body_limit == 1000


@pytest.mark.parametrize("status", [204, 205])
def test_status_without_a_body_is_answered_without_one(status: int) -> None:
    """Neither the ids nor words of one's own can stand there."""
    assert opened(secrets=[GOOD], status=status).answer == b""
    with pytest.raises(SourceMisconfigured, match="status: an answer with it has no body"):
        opened(secrets=[GOOD], status=status, answer="OK")


def test_source_may_answer_as_its_platform_wants_it() -> None:
    """Some platforms want 200 and OK."""
    source = opened(secrets=[GOOD], status=200, answer="OK")
    assert (source.status, source.answer) == (200, b"OK")


def test_windows_and_budget_are_settable() -> None:
    """A sender that retries for a month needs a longer memory."""
    source = opened(secrets=[GOOD], dedupe_window="30d", hashed_window="1h", ack_budget="10s")
    assert (source.dedupe_window, source.hashed_window) == (timedelta(days=30), timedelta(hours=1))
    assert source.ack_budget == timedelta(seconds=10)


def test_source_without_a_secret_does_not_open() -> None:
    """Accepting everything is never what happens by leaving something out."""
    assert 'verify = "none"' in problem()


def test_source_may_say_that_it_verifies_nothing() -> None:
    """It must be spelled."""
    assert opened(verify="none").signs_nothing


def test_path_token_stands_for_a_signature() -> None:
    """Platforms that sign nothing get a secret address."""
    source = opened(token=GOOD)
    assert (source.ring.scheme.mode, source.signs_nothing) == ("path_secret", False)


@pytest.mark.parametrize("secret", ["", "   ", "short", "0123456789abcde"])
def test_short_secret_does_not_open(secret: str) -> None:
    """Sixteen characters are the least."""
    assert problem(secrets=[GOOD, secret]).startswith("sources.support.secrets[1]: it is ")


@pytest.mark.parametrize("secret", [f" {GOOD}", f"{GOOD} ", f"{GOOD}\n{GOOD}", f"{GOOD}\x00", f"{GOOD}\u00a0{GOOD}"])
def test_a_secret_with_blanks_around_it_does_not_open(secret: str) -> None:
    """A pasted blank would refuse every delivery."""
    assert problem(secrets=[secret]).startswith("sources.support.secrets[0]: it has a blank around it, or a line break")


def test_a_passphrase_is_a_secret() -> None:
    """GitHub and others take any text."""
    assert opened(secrets=["correct horse battery staple"]).ring.secrets == (b"correct horse battery staple",)


@pytest.mark.parametrize(
    "secret", ["changeme", "CHANGEME-changeme-123", "your-secret-goes-here", "placeholder-placeholder"]
)
def test_placeholder_does_not_open(secret: str) -> None:
    """What stands in every example is nobody's secret; and it is not repeated in the error."""
    found = problem(secrets=[secret])
    assert "placeholder; copy" in found
    assert secret not in found


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("whsec_not base64 at all", "not base64"),
        ("whsec_c2hvcnQtc2hvcnQ=", "fewer than 16 bytes"),
        (PRIVATE, "private key"),
        ("whpk_AAAAAAAAAAAAAAAAAAAAAAAA", "Ed25519"),
    ],
)
def test_standard_secret_of_the_wrong_form_does_not_open(secret: str, said: str) -> None:
    """A secret that was cut while copying is told at once, without its value."""
    found = problem(platform="standard", secrets=[secret])
    assert said in found
    assert secret.partition("_")[2] not in found


def test_standard_source_opens_with_a_shared_and_a_public_key() -> None:
    """Both kinds may be tried side by side."""
    public = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    assert len(opened(platform="standard", secrets=[WHSEC, public]).ring.keys) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"secrets": [GOOD] * 6}, "at most 5"),
        ({"secrets": [GOOD], "verify": "none"}, "remove one of the two"),
        ({"token": "short"}, "token: it is shorter"),
        ({"token": "a/b?c d e f g h i j k"}, "letters, digits"),
        ({"platform": "mygptassistant", "secrets": [GOOD]}, "did you mean mygptassistants?"),
        ({"platform": "voiceflow", "secrets": [GOOD]}, "voiceflow signs nothing; put the secret into the path"),
        ({"platform": "hubspot", "secrets": [GOOD]}, "public_url: this platform signs the URL it calls"),
        ({"platform": "whatsap", "secrets": [GOOD]}, "did you mean whatsapp?"),
        ({"platform": "zzz", "secrets": [GOOD]}, "known are: chatbase, chatwoot, crisp,"),
    ],
)
def test_mistake_is_told_with_its_remedy(settings: dict[str, Any], said: str) -> None:
    """The text names the key and what to do."""
    found = problem(**settings)
    assert said in found
    assert found.startswith("sources.support.")


@pytest.mark.parametrize("name", ["Support", "-a", "a b", "", "a" * 64, "ü"])
def test_name_that_could_not_stand_in_a_path_is_refused(name: str) -> None:
    """A source's name is part of its address and of a record's source."""
    assert "name is" in problem(name, secrets=[GOOD])


def test_every_mistake_is_told_at_once() -> None:
    """An operator does not want to find them one by one."""
    sources = {name: SourceSettings(platform="mygptassistants") for name in ("a", "b")}
    with pytest.raises(SourceMisconfigured) as caught:
        open_sources(sources, ReceiverSettings())
    assert [found.partition(":")[0] for found in caught.value.problems] == ["sources.a.secrets", "sources.b.secrets"]


def test_record_limit_fits_the_topics() -> None:
    """Topics take twice the body limit plus 64 KiB; what we accept stays below, batch overhead included."""
    assert record_limit(1024 * 1024) + 1024 < 2 * 1024 * 1024 + 64 * 1024
