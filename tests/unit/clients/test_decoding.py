"""Bodies decompressed within bounds."""

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.decoding import Decoder
from clients.errors import BadAnswer, ClientError


def _decode(encoding: str | None, raw: bytes, *, max_bytes: int = 1000, step: int = 7) -> bytes:
    decoder = Decoder(encoding, max_bytes=max_bytes, what="w")
    out = b"".join(decoder.feed(raw[at : at + step]) for at in range(0, len(raw), step))
    decoder.finish()
    return out


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        (None, b"hello"),
        ("identity", b"hello"),
        ("gzip", gzip.compress(b"hello", mtime=0)),  # a time would give each worker of pytest-xdist another name for it
        ("GZIP", gzip.compress(b"hello", mtime=0)),
        ("x-gzip", gzip.compress(b"hello", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
    ],
)
def test_known_encodings(encoding: str | None, raw: bytes) -> None:
    """What we say we accept is decoded, in pieces of any size."""
    assert _decode(encoding, raw) == b"hello"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "\x00"])
def test_unasked_encodings_are_refused(encoding: str) -> None:
    """An encoding we never asked for is not guessed at."""
    with pytest.raises(BadAnswer, match="compressed in a way we did not ask for"):
        Decoder(encoding, max_bytes=10, what="w")


def test_body_of_exactly_the_bound_passes() -> None:
    """The bound itself is allowed."""
    assert len(_decode(None, b"x" * 1000)) == 1000
    assert len(_decode("gzip", gzip.compress(b"x" * 1000, mtime=0))) == 1000


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_one_byte_more_is_refused(encoding: str | None) -> None:
    """One byte above the bound is refused."""
    body = b"x" * 1001
    with pytest.raises(BadAnswer, match="larger than 1000 bytes"):
        _decode(encoding, gzip.compress(body, mtime=0) if encoding else body)


def test_bomb_inflates_to_no_more_than_the_bound() -> None:
    """A megabyte that inflates to a gigabyte costs one buffer of the bound's size."""
    bomb = zlib.compressobj(wbits=31)
    raw = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(64)) + bomb.flush()
    sizes = []

    class Counting(Decoder):
        def _inflated(self, inflate: "zlib._Decompress", raw: bytes) -> bytes:
            content = super()._inflated(inflate, raw)
            sizes.append(len(content))
            return content

    with pytest.raises(BadAnswer, match="larger than 4096 bytes"):
        Counting("gzip", max_bytes=4096, what="w").feed(raw[:4096])
    assert sizes == [4097]


def test_endless_gzip_header_is_refused() -> None:
    """A gzip file name without end yields no content and is still counted."""
    header = b"\x1f\x8b\x08\x08" + bytes(6)
    with pytest.raises(BadAnswer, match="larger than 1000 bytes"):
        _decode("gzip", header + b"n" * 2000)


@pytest.mark.parametrize("tail", [gzip.compress(b"more", mtime=0), b"x"])
def test_bytes_after_the_end_are_refused(tail: bytes) -> None:
    """Something behind the compressed body is not silently dropped."""
    with pytest.raises(BadAnswer, match="bytes follow the end"):
        _decode("gzip", gzip.compress(b"hello", mtime=0) + tail)


def test_broken_off_body_is_refused() -> None:
    """A truncated body is not taken for a whole one."""
    with pytest.raises(BadAnswer, match="broke off"):
        _decode("gzip", gzip.compress(b"hello", mtime=0)[:-4])


def test_plain_body_under_a_false_name() -> None:
    """A body that is not compressed although it says so is refused."""
    with pytest.raises(BadAnswer, match="not in the encoding it claims"):
        _decode("gzip", b'{"success":true}')


def test_empty_body_needs_no_gzip_header() -> None:
    """A 204 with a Content-Encoding is an empty body."""
    assert _decode("gzip", b"") == b""


@given(st.sampled_from([None, "gzip", "deflate", "br"]), st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_give_content_or_a_client_error(encoding: str | None, raw: bytes, step: int) -> None:
    """Whatever comes, content within the bound or one of our errors comes out."""
    with contextlib.suppress(ClientError):
        assert len(_decode(encoding, raw, max_bytes=100, step=step)) <= 100
