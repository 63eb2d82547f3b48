"""Zip archives, read from disk a piece at a time: sizes are bounded, and every byte is held against its checksum."""

import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Final, Self

from typing_extensions import Buffer

from domain.records import Payload
from providers._archive_index import (
    DEFLATED,
    LOCAL,
    SIZES_FOLLOW,
    UTF8,
    ArchiveLimits,
    Member,
    damaged,
    read_index,
    shown_name,
    unicode_paths,
)

__all__ = ["Archive", "ArchiveLimits", "Member"]

_PACKED_PIECE: Final = 65_536
_PIECE: Final = 2**20
_SENTINEL: Final = 0xFFFFFFFF


class Archive:
    """An archive whose index has been read and found sound; nothing is unpacked before it is asked for.

    Args:
        file: Seekable, and open for as long as this is used.
        place: Which archive this is, for messages.
        limits: What it may be.

    Attributes:
        members: All members, in the order in which they lie in the archive. Names are unique.

    Raises:
        PayloadUnreadableError: It is no archive, was cut or damaged, or has members that no telemetry needs.
        AnswerTooLargeError: It is larger than the limits, or pretends to be.
    """

    def __init__(self, file: BinaryIO, *, place: str, limits: ArchiveLimits = ArchiveLimits()) -> None:
        self._file = file
        self._place = place
        self.members: Final[Sequence[Member]] = read_index(file, place=place, limits=limits)

    @classmethod
    @contextmanager
    def of(cls, payload: Payload, *, place: str, limits: ArchiveLimits = ArchiveLimits()) -> Iterator[Self]:
        """The archive that an answer is, whether it lies in memory or in a file."""
        with payload.file.path.open("rb") if payload.file else io.BytesIO(payload.body) as file:
            yield cls(file, place=place, limits=limits)

    def read(self, member: Member) -> Iterator[bytes]:
        """The bytes of a member, up to a mebibyte at a time. Only who has come to the end knows that they are right.

        Raises:
            PayloadUnreadableError: They are not what the index says: another size, another checksum.
        """
        place, name = self._place, shown_name(member.name)
        self._file.seek(member.offset)
        self._check_header(member)
        n_left, n_bytes, crc = member.n_packed, 0, 0
        for piece in self._unpacked(member) if member.method == DEFLATED else self._pieces(n_left, name):
            n_bytes += len(piece)
            if n_bytes > member.n_bytes:
                raise damaged(f"holds more of {name} than the {member.n_bytes:,} bytes that it says", place)
            crc = zlib.crc32(piece, crc)
            yield piece
        if n_bytes != member.n_bytes:
            raise damaged(f"holds {n_bytes:,} of the {member.n_bytes:,} bytes of {name}", place)
        if crc != member.crc:
            raise damaged(f"holds {name} with a wrong checksum", place)

    def opened(self, member: Member) -> io.BufferedReader:
        """A member as a file, to be read once from its beginning to its end; what `read` raises, its reading raises."""
        return io.BufferedReader(_Pieces(self.read(member)), _PIECE)

    def verify(self) -> int:
        """Read every member to its end; the number of bytes.

        Raises:
            PayloadUnreadableError: One is not what the index says.
        """
        return sum(len(piece) for member in self.members for piece in self.read(member))

    def _check_header(self, member: Member) -> None:
        """The member's own header agrees with the index, name included: a name says whose values they are."""
        header = self._file.read(LOCAL.size)
        name = shown_name(member.name)
        if len(header) < LOCAL.size or not header.startswith(b"PK\x03\x04"):
            raise damaged(f"has no member where {name} should begin", self._place)
        _, _, flags, method, _, _, crc, n_packed, n_bytes, n_name, n_extra = LOCAL.unpack(header)
        is_same = self._file.read(n_name) == member.raw_name and method == member.method
        if not is_same or (flags ^ member.flags) & (SIZES_FOLLOW | UTF8 | 1):
            raise damaged(f"contradicts itself about {name}", self._place)
        if not flags & SIZES_FOLLOW:
            declared = ((crc, member.crc), (n_packed, member.n_packed), (n_bytes, member.n_bytes))
            if any(one not in (two, _SENTINEL) for one, two in declared):
                raise damaged(f"contradicts itself about the size of {name}", self._place)
        seconds = unicode_paths(member.raw_name, self._file.read(n_extra))
        if any(second != member.name.encode() for second in seconds):
            raise damaged(f"contradicts itself about {name}", self._place)

    def _pieces(self, n_left: int, name: str) -> Iterator[bytes]:
        while n_left:
            piece = self._file.read(min(n_left, _PACKED_PIECE))
            if not piece:
                raise damaged(f"ends inside of {name}", self._place)
            n_left -= len(piece)
            yield piece

    def _unpacked(self, member: Member) -> Iterator[bytes]:
        """The deflated bytes, unpacked; the stream ends exactly where the packed bytes do."""
        inflater, name = zlib.decompressobj(-zlib.MAX_WBITS), shown_name(member.name)
        try:
            for arrived in self._pieces(member.n_packed, name):
                packed = arrived
                while packed:
                    if inflater.eof:
                        raise damaged(f"has bytes behind the end of {name}", self._place)
                    piece = inflater.decompress(packed, _PIECE)
                    packed = inflater.unconsumed_tail
                    if inflater.unused_data:
                        raise damaged(f"has bytes behind the end of {name}", self._place)
                    if piece:
                        yield piece
            while not inflater.eof and (piece := inflater.decompress(b"", _PIECE)):
                yield piece
        except zlib.error:
            raise damaged(f"holds {name} damaged", self._place) from None
        if not inflater.eof:
            raise damaged(f"holds {name} cut short", self._place)


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file that knows no way back."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        into = memoryview(buffer)
        n_bytes = min(len(into), len(self._left))
        into[:n_bytes] = self._left[:n_bytes]
        self._left = self._left[n_bytes:]
        return n_bytes
