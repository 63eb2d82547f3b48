"""Bodies as they arrive: counted, inflated within bounds, and believed only with a proof that they are whole."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from domain.errors import AnswerTooLargeError, IncompleteAnswerError, PayloadUnreadableError
from providers._verdict import Failure

_PIECE_BYTES: Final = 256 * 1024  # what one step of inflation may put into memory
# Telemetry packs 5 to 30 times, a night of zeros more than 200 times: the ratio alone proves no bomb, only together
# with a size.
_RATIO: Final = 200
_RATIO_FROM_BYTES: Final = 256 * 2**20
_GZIP: Final = frozenset({"gzip", "x-gzip"})


class Body:
    """Turns raw chunks into decoded ones.

    Attributes:
        n_bytes: Decoded so far.
    """

    def __init__(self, encoding: str, framing: str, *, max_bytes: int) -> None:
        """Expect a body.

        Args:
            encoding: The answer's `Content-Encoding`; empty for none.
            framing: How its end is known: `content-length`, `chunked` or `connection closed`.
            max_bytes: The cap, for the bytes on the wire and for the decoded ones.
        """
        encoding = encoding.strip().lower()
        self.n_bytes = 0
        self._failure: Failure | None = None
        self._n_raw = 0
        self._max_bytes = max_bytes
        self._framing = framing
        self._is_gzip = encoding in _GZIP
        self._stream = zlib.decompressobj(wbits=31)
        self._is_mid_member = False
        self._n_members = 0
        if not self._is_gzip and encoding not in {"", "identity"}:
            self._failure = Failure(
                PayloadUnreadableError,
                f"the answer is packed as {encoding[:40]!r}, which was not asked for",
                "ask the provider to send gzip or plain bodies",
            )

    @property
    def proof(self) -> str:
        """Why the body is believed to be whole. `connection closed` is no proof: the format has to bring its own."""
        if not self._n_members:
            return self._framing
        return "gzip crc" if self._framing == "connection closed" else f"{self._framing}, gzip crc"

    def _decoded(self, chunk: bytes) -> Iterator[bytes]:
        """What `chunk` decodes to, in pieces of bounded size; stops and notes the failure at a cap or at damage."""
        self._n_raw += len(chunk)
        if self._n_raw > self._max_bytes:
            self._failure = too_large(self._max_bytes)
            return
        pieces = self._inflated(chunk) if self._is_gzip else iter((chunk,))
        for piece in pieces:
            self.n_bytes += len(piece)
            is_bomb = self.n_bytes > max(_RATIO_FROM_BYTES, _RATIO * self._n_raw)
            if self.n_bytes > self._max_bytes or is_bomb:
                self._failure = too_large(self._max_bytes, is_bomb=is_bomb)
                return
            if piece:
                yield piece

    def pour(self, chunks: Callable[[], Iterable[bytes]], write: Callable[[bytes], object]) -> Failure | None:
        """Write everything that `chunks` decode to: what is wrong with the whole, if anything.

        An encoding that was not asked for is refused before the first chunk is taken.
        """
        if self._failure is None:
            for chunk in chunks():
                for piece in self._decoded(chunk):
                    write(piece)
                if self._has_failed():
                    break
        if self._failure is None and self._is_gzip and (self._is_mid_member or not self._n_members):
            # Even nothing, packed, is twenty bytes: no byte at all is a body that was cut before its first.
            self._failure = _damaged("the gzip body ended before its checksum")
        return self._failure

    def _has_failed(self) -> bool:
        return self._failure is not None

    def _inflated(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            self._is_mid_member = True
            try:
                piece = self._stream.decompress(chunk, _PIECE_BYTES)
            except zlib.error:
                self._failure = _damaged("the gzip body is damaged")
                return
            yield piece
            if self._stream.eof:  # the checksum and the length of this member held; another may follow (RFC 1952, 2.2)
                chunk = self._stream.unused_data
                self._stream = zlib.decompressobj(wbits=31)
                self._is_mid_member = False
                self._n_members += 1
            else:
                chunk = self._stream.unconsumed_tail


def too_large(max_bytes: int, *, is_bomb: bool = False) -> Failure:
    """The failure of a body beyond its cap."""
    reason = f"unpacks to more than {_RATIO} times its size" if is_bomb else f"is larger than {max_bytes:,} bytes"
    return Failure(
        AnswerTooLargeError, f"the answer {reason}", "ask for a narrower window, or raise the cap if this size is right"
    )


def _damaged(culprit: str) -> Failure:
    return Failure(IncompleteAnswerError, culprit, "wait for the retry; tell the provider if it stays", again=True)
