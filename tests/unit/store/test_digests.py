"""16-byte names of texts."""

from store.digests import fingerprint


def test_a_fingerprint_has_sixteen_bytes_and_stays_the_same() -> None:
    """Rows of last year are found by it."""
    assert fingerprint("support", "message.created:1").hex() == "2510724ccd45dbed7b5f0b97a1a0c69b"


def test_lists_are_told_apart() -> None:
    """By where one text ends and the next begins."""
    assert len({fingerprint("ab", "c"), fingerprint("a", "bc"), fingerprint("abc"), fingerprint("abc", "")}) == 4


def test_lone_surrogates_have_fingerprints() -> None:
    """Strangers send them."""
    assert fingerprint("\ud800") != fingerprint("\ud801")
