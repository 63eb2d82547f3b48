"""The index of a zip archive, read strictly from disk: what two readers could understand differently is refused.

The standard library's reader takes what stands before an archive for nothing, does not hold the number of members
against their list, and believes sizes that a member's own header contradicts. Here every byte that says where a member
begins, how large it is and what it is called is held against a second place that says the same.

Bytes before the first member and behind the end are refused, with their place and number: what writes them is a web
server that failed on the way, or a program that unpacks itself, and an export has neither. A name is UTF-8, by its flag
or by its bytes, or what the Info-ZIP Unicode Path field says; one in a character set that nobody names is refused.
"""

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

from domain.errors import AnswerTooLargeError, PayloadUnreadableError

LOCAL: Final = struct.Struct("<4s5H3L2H")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LONGEST_COMMENT: Final = 0xFFFF
_SENTINEL: Final = 0xFFFFFFFF
_SHORT_SENTINEL: Final = 0xFFFF
_ZIP64: Final = 1
_U64: Final = struct.Struct("<Q")
_LARGEST_INDEX: Final = 64 * 2**20

STORED: Final = 0
DEFLATED: Final = 8
ENCRYPTED: Final = 0x2041  # any of: encrypted, strongly encrypted, with masked headers
SIZES_FOLLOW: Final = 0x8
UTF8: Final = 0x800

_UNICODE_PATH: Final = 0x7075
_HEAD: Final = struct.Struct("<BL")  # of such a field: its version, and the checksum of the plain name
_SHOWN: Final = 80  # characters of a name, as long as a line
_METHODS: Final = {
    1: "shrink", 2: "reduce", 3: "reduce", 4: "reduce", 5: "reduce", 6: "implode", 9: "deflate64", 10: "PKWARE implode",
    12: "bzip2", 14: "lzma", 16: "CMPSC", 18: "TERSE", 19: "LZ77", 20: "zstd", 93: "zstd", 94: "mp3", 95: "xz",
    96: "jpeg", 97: "wavpack", 98: "ppmd",
}  # fmt: skip
_AES: Final = 99  # stands in the place of the method, and an extra field has the true one


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may be.

    Attributes:
        max_members: Members; each costs some hundred bytes of memory.
        max_bytes: All members together, unpacked.
        max_ratio: Unpacked bytes for each packed one …
        ratio_from_bytes: … once the archive unpacks to more than this: a night of zeros is small.
    """

    max_members: int = 100_000
    max_bytes: int = 50 * 2**30
    max_ratio: float = 200.0
    ratio_from_bytes: int = 256 * 2**20


class Member(NamedTuple):
    """One member, as the index has it.

    Attributes:
        name: Decoded. Never a path to write to.
        raw_name: As it stands.
        offset: Where its own header begins.
        n_packed: Bytes in the archive.
        n_bytes: Bytes unpacked.
        crc: CRC-32 of the unpacked bytes.
        method: How it is packed.
        flags: The bits of its entry.
    """

    name: str
    raw_name: bytes
    offset: int
    n_packed: int
    n_bytes: int
    crc: int
    method: int
    flags: int


def read_index(file: BinaryIO, *, place: str, limits: ArchiveLimits) -> tuple[Member, ...]:
    """The members of an archive, in the order in which they lie in it.

    Args:
        file: Seekable.
        place: Which archive this is, for messages.
        limits: What it may be.

    Raises:
        PayloadUnreadableError: It is no zip archive, was cut or damaged, or has what no telemetry needs.
        AnswerTooLargeError: It is larger than the limits, or pretends to be.
    """
    n_members, start, end = _end(file, place)
    if n_members > limits.max_members:
        raise too_large(f"has {n_members:,} members, and {limits.max_members:,} are allowed", place)
    if end - start > _LARGEST_INDEX:
        raise too_large(f"has an index of {end - start:,} bytes", place)
    file.seek(0)
    if n_members == 0 and start != 0:
        raise damaged("has bytes, and no members", place)
    file.seek(start)
    members = sorted(_entries(file, n_members, end, place), key=lambda member: member.offset)
    _check_layout(members, start, place)
    _check_names(members, place)
    n_bytes = sum(member.n_bytes for member in members)
    if n_bytes > limits.max_bytes:
        raise too_large(f"unpacks to {n_bytes:,} bytes, and {limits.max_bytes:,} are allowed", place)
    if n_bytes > limits.ratio_from_bytes and n_bytes > limits.max_ratio * end:
        raise too_large(f"unpacks {end:,} bytes to {n_bytes:,}, beyond {limits.max_ratio:.0f} to 1", place)
    return tuple(members)


def _end(file: BinaryIO, place: str) -> tuple[int, int, int]:
    """The number of members, and where their list begins and ends."""
    size = file.seek(0, 2)
    tail_at = max(0, size - _END.size - _LONGEST_COMMENT)
    file.seek(tail_at)
    tail = file.read(size - tail_at)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise damaged(f"has no end of a zip archive in its last {len(tail):,} bytes: it was cut, or is none", place)
    _, disk, index_disk, n_here, n_members, n_index, start, n_comment = _END.unpack_from(tail, at)
    end = tail_at + at
    if n_behind := size - (end + _END.size + n_comment):
        if n_behind < 0:
            raise damaged(f"does not end where it says: {-n_behind:,} bytes are missing", place)
        raise damaged(f"does not end where it says: {n_behind:,} bytes follow its end at {size - n_behind:,}", place)
    if end >= _LOCATOR.size:
        file.seek(end - _LOCATOR.size)
        locator = file.read(_LOCATOR.size)
        if locator.startswith(b"PK\x06\x07"):
            small = (disk, index_disk, n_here, n_members, n_index, start)
            return _end64(file, locator, end - _LOCATOR.size, small, place)
    if (disk, index_disk) != (0, 0) or n_here != n_members:
        raise damaged("contradicts itself about its list of members", place)
    if n_before := end - (start + n_index):
        file.seek(max(0, n_before))
        if n_before > 0 and file.read(4) in (b"PK\x03\x04", b"PK\x05\x06"):
            raise damaged(f"does not begin with its first member: {n_before:,} bytes stand before it, from 0 on", place)
        raise damaged("contradicts itself about its list of members", place)
    return n_members, start, end


def _end64(file: BinaryIO, locator: bytes, locator_at: int, small: tuple[int, ...], place: str) -> tuple[int, int, int]:
    _, disk, at, n_disks = _LOCATOR.unpack(locator)
    if (disk, n_disks) != (0, 1) or not 0 <= at <= locator_at - _END64.size:
        raise damaged("contradicts itself about its second end", place)
    file.seek(at)
    mark, n_record, _, _, here, index_disk, n_here, n_members, n_index, start = _END64.unpack(file.read(_END64.size))
    large = (here, index_disk, n_here, n_members, n_index, start)
    sentinels = (*[_SHORT_SENTINEL] * 4, _SENTINEL, _SENTINEL)
    agrees = all(one in (two, sentinel) for one, two, sentinel in zip(small, large, sentinels, strict=True))
    is_whole = mark == b"PK\x06\x06" and at + 12 + n_record == locator_at
    if not (agrees and is_whole) or (here, index_disk) != (0, 0) or n_here != n_members or start + n_index != at:
        raise damaged("contradicts itself about its second end", place)
    return n_members, start, at


def _entries(file: BinaryIO, n_members: int, end: int, place: str) -> Iterator[Member]:
    for number in range(1, n_members + 1):
        entry = file.read(_ENTRY.size)
        if len(entry) < _ENTRY.size or not entry.startswith(b"PK\x01\x02"):
            raise damaged(f"has no entry {number} of {n_members} in its list of members", place)
        (
            _, _, _, flags, method, _, _, crc, n_packed, n_bytes, n_name, n_extra, n_comment, disk, _, attributes,
            offset,
        ) = _ENTRY.unpack(entry)  # fmt: skip
        raw_name, extra = file.read(n_name), file.read(n_extra)
        file.seek(n_comment, 1)
        if file.tell() > end or len(raw_name) < n_name or len(extra) < n_extra:
            raise damaged(f"has an entry {number} in its list that reaches beyond it", place)
        n_bytes, n_packed, offset = _wide(extra, (n_bytes, n_packed, offset), place)
        name = _decoded(raw_name, flags, extra, place)
        shown = shown_name(name)
        if flags & ENCRYPTED or method not in (STORED, DEFLATED):
            raise _unsupported(file, shown, (flags, method, offset), place)
        if method == STORED and n_packed != n_bytes:
            raise damaged(f"stores the member {shown} in {n_packed:,} bytes, and says that it has {n_bytes:,}", place)
        if stat.S_ISLNK(attributes >> 16) or disk:
            raise damaged(f"has the member {shown}, which is a link or lies on another disk", place)
        yield Member(name, raw_name, offset, n_packed, n_bytes, crc, method, flags)
    if file.tell() != end:
        raise damaged(f"lists more than its {n_members} members", place)


def _unsupported(file: BinaryIO, shown: str, entry: tuple[int, int, int], place: str) -> PayloadUnreadableError:
    """Why a member cannot be read by anybody here; the archive is damaged where the member's own header differs."""
    flags, method, offset = entry
    file.seek(offset)
    header = file.read(LOCAL.size)
    fields = LOCAL.unpack(header) if len(header) == LOCAL.size and header.startswith(b"PK\x03\x04") else None
    if fields is None or (fields[2] ^ flags) & ENCRYPTED or fields[3] != method:
        return damaged(f"contradicts itself about how the member {shown} is packed", place)
    if flags & ENCRYPTED or method == _AES:
        return _meant(f"has the encrypted member {shown}", "have the provider export without a password", place)
    name = _METHODS.get(method, "an unknown one")
    return _meant(
        f"packs the member {shown} by {name} (method {method}), which is neither deflated nor stored",
        "have the provider pack it by deflate",
        place,
    )


def _meant(what: str, fix: str, place: str) -> PayloadUnreadableError:
    """The archive is whole, and no further one would be another."""
    error = PayloadUnreadableError(f"the archive {what}", place=place, fix=f"{fix}; nothing of it is loaded")
    error.is_meant = True
    return error


def _wide(extra: bytes, narrow: tuple[int, int, int], place: str) -> tuple[int, int, int]:
    """Sizes and offset, taken from the extra field where they are too large for their own."""
    if _SENTINEL not in narrow:
        return narrow
    field, wide = next(_extra_fields(extra, _ZIP64), None), list(narrow)
    for index, value in enumerate(narrow):
        if value == _SENTINEL and field is not None and len(field) >= _U64.size:
            wide[index], field = _U64.unpack_from(field)[0], field[_U64.size :]
        elif value == _SENTINEL:
            raise damaged("has a member whose size is missing", place)
    return wide[0], wide[1], wide[2]


def _extra_fields(extra: bytes, wanted: int) -> Iterator[bytes]:
    """The extra fields of a kind, in order."""
    at = 0
    while at + 4 <= len(extra):
        kind, n_field = struct.unpack_from("<2H", extra, at)
        if kind == wanted:
            yield extra[at + 4 : at + 4 + n_field]
        at += 4 + n_field


def _decoded(raw: bytes, flags: int, extra: bytes, place: str) -> str:
    """A member's name.

    Raises:
        PayloadUnreadableError: It is no UTF-8, or is said twice and differently.
    """
    seconds = unicode_paths(raw, extra)
    try:
        names = [second.decode("utf-8") for second in seconds] or [raw.decode("utf-8")]
        if len(names) > 1 or (seconds and flags & UTF8 and seconds != [raw]):
            raise damaged(f"has a member with two names, the second is {shown_name(names[-1])}", place)
        return names[0]
    except UnicodeDecodeError:
        if flags & UTF8 or seconds:
            raise damaged("has a member whose name is no UTF-8, although it says so", place) from None
        raise _meant(
            f"has a member whose name {_clipped_bytes(raw)} is no UTF-8, and does not say in what it is written",
            "have the provider write names in UTF-8",
            place,
        ) from None


def unicode_paths(raw: bytes, extra: bytes) -> list[bytes]:
    """The names that Info-ZIP Unicode Path fields say, each once, of those that were written for this one.

    A program that renames a member may leave the old field where it stands and add its own.
    """
    crc = zlib.crc32(raw)
    fields = (field for field in _extra_fields(extra, _UNICODE_PATH) if len(field) > _HEAD.size and field[0] == 1)
    return list(dict.fromkeys(field[_HEAD.size :] for field in fields if _HEAD.unpack_from(field)[1] == crc))


def _check_layout(members: list[Member], index_at: int, place: str) -> None:
    """Members lie one behind the other, from the first byte on: none shares bytes with another, nothing goes before."""
    if members and members[0].offset != 0:
        n_before = members[0].offset
        raise damaged(f"does not begin with its first member: {n_before:,} bytes stand before it, from 0 on", place)
    begins = [*(member.offset for member in members[1:]), index_at]
    for member, following in zip(members, begins, strict=bool(members)):
        if member.offset + LOCAL.size + len(member.raw_name) + member.n_packed > following:
            raise damaged(f"has members that overlap, the first is {shown_name(member.name)}", place)


def _check_names(members: list[Member], place: str) -> None:
    seen: set[str] = set()
    for name, *_ in members:
        parts = name.removesuffix("/").split("/")
        if not name or "\\" in name or name[1:2] == ":" or any(part in ("", ".", "..") for part in parts):
            raise damaged(f"has a member called {shown_name(name)}, which is no plain name", place)
        if not name.isprintable():
            raise damaged(f"has a member called {shown_name(name)}, which is no text", place)
        if name in seen:
            raise damaged(f"has two members called {shown_name(name)}", place)
        seen.add(name)


def shown_name(name: str) -> str:
    """A name as a message can show it."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")


def _clipped_bytes(name: bytes) -> str:
    """A name that is no text as a message can show it."""
    return repr(name[:_SHOWN])[1:]


def damaged(what: str, place: str) -> PayloadUnreadableError:
    """The archive is not what it should be."""
    return PayloadUnreadableError(
        f"the archive {what}", place=place, fix="have the provider prepare it again; nothing of it is loaded"
    )


def too_large(what: str, place: str) -> AnswerTooLargeError:
    """The archive is larger than anybody needs."""
    return AnswerTooLargeError(
        f"the archive {what}", place=place, fix="ask for fewer days or things at once, if it is real"
    )
