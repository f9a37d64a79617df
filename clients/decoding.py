"""An answer's bytes, decompressed and counted as they come, so that no answer can fill the memory. No I/O."""

import zlib

from clients.errors import BadAnswer

ENCODINGS = "gzip, deflate"
"""What we say we accept."""

# zlib's window bits: 16 + 15 reads a gzip header, 15 a zlib one (which is what HTTP's `deflate` is, RFC 9110 8.4.1.2).
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class Decoder:
    """Turns the raw bytes of one body into its content; both are bounded by `max_bytes`."""

    def __init__(self, encoding: str | None, *, max_bytes: int, what: str) -> None:
        name = (encoding or "identity").strip().lower()
        if name not in ("identity", *_WINDOW):
            raise BadAnswer(f"{what}: the answer is compressed in a way we did not ask for", retryable=False)
        self._inflate = None if name == "identity" else zlib.decompressobj(wbits=_WINDOW[name])
        self._max = max_bytes
        self._what = what
        self._raw = 0
        self._out = 0

    def feed(self, raw: bytes) -> bytes:
        """Return the content in the next raw bytes.

        Raises:
            BadAnswer: the body is larger than allowed, or not what its encoding says.
        """
        self._raw += len(raw)
        content = raw if self._inflate is None else self._inflated(self._inflate, raw)
        self._out += len(content)
        if max(self._raw, self._out) > self._max:
            raise BadAnswer(f"{self._what}: the answer is larger than {self._max} bytes", retryable=False)
        return content

    def finish(self) -> None:
        """Say that no more bytes come.

        Raises:
            BadAnswer: a compressed body broke off.
        """
        if self._inflate is not None and self._raw and not self._inflate.eof:
            raise BadAnswer(f"{self._what}: the compressed answer broke off")

    def _inflated(self, inflate: "zlib._Decompress", raw: bytes) -> bytes:
        if inflate.eof:
            raise BadAnswer(f"{self._what}: bytes follow the end of the compressed answer")
        try:
            # One byte more than allowed is enough to see that it is too large; the rest is never inflated.
            content = inflate.decompress(raw, self._max - self._out + 1)
        except zlib.error:
            raise BadAnswer(f"{self._what}: the answer is not in the encoding it claims") from None
        if inflate.unused_data:
            raise BadAnswer(f"{self._what}: bytes follow the end of the compressed answer")
        return content
