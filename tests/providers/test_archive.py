"""Archives: whole or refused by name, whatever was done to them; bounded in memory and in time."""

import io
import random
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import pytest

from domain.errors import AnswerTooLargeError, PayloadUnreadableError, ProviderError
from providers._archive import Archive, ArchiveLimits
from tests.fakes.zips import streamed, zipped

FILES = [(f"HM-{n}_Kessel Süd.csv", f"TIMESTAMP,P [W]\n1751882400000,{n}\n" * 9) for n in range(3)]
WHOLE = zipped(FILES)


def contents(body: bytes, limits: ArchiveLimits = ArchiveLimits()) -> dict[str, bytes]:
    archive = Archive(io.BytesIO(body), place="test", limits=limits)
    return {member.name: b"".join(archive.read(member)) for member in archive.members}


SAID = {name: body.encode() for name, body in FILES}


@pytest.mark.parametrize(
    "body",
    [WHOLE, streamed(FILES), zipped(FILES, method=zipfile.ZIP_STORED), zipped(FILES, is_zip64=True)],
    ids=["sizes in front", "sizes behind", "stored", "zip64"],
)
def test_members_come_back_as_they_were_however_they_are_packed(body: bytes) -> None:
    assert contents(body) == SAID


def test_an_empty_archive_of_22_bytes_has_no_members() -> None:
    empty = zipped([])
    assert len(empty) == 22
    assert contents(empty) == {}


def test_a_member_without_a_byte_is_one() -> None:
    assert contents(zipped([("a.csv", "")])) == {"a.csv": b""}


def test_more_members_than_16_bits_count_are_all_there() -> None:
    many = zipped(((f"{n}.csv", "") for n in range(65_600)), method=zipfile.ZIP_STORED)
    tracemalloc.start()
    archive = Archive(io.BytesIO(many), place="test")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(archive.members) == 65_600
    assert peak < 64 * 2**20


def _survivors_of_flips(n_flips: int) -> tuple[int, int]:
    """Flip a byte so often: how often the archive was refused, and how often it still said the same.

    Nothing else may ever happen: it may not say anything else, and no other error may leave.
    """
    draw = random.Random(20261121)
    wholes = [WHOLE, streamed(FILES), zipped(FILES, is_zip64=True), zipped(FILES, method=zipfile.ZIP_STORED)]
    culprits: list[str] = []
    for number in range(n_flips):
        whole = wholes[number % len(wholes)]
        at = draw.randrange(len(whole))
        flipped = whole[:at] + bytes([whole[at] ^ draw.randrange(1, 256)]) + whole[at + 1 :]
        try:
            assert contents(flipped) == SAID
        except ProviderError as error:
            culprits.append(error.culprit)
    assert all(culprit.startswith("the archive ") for culprit in culprits)
    return len(culprits), n_flips - len(culprits)


def test_ten_thousand_flipped_bytes_never_change_what_is_read() -> None:
    n_refused, n_harmless = _survivors_of_flips(10_000)
    assert n_refused > n_harmless


def test_none_of_two_thousand_cuts_is_taken_for_whole() -> None:
    longer = zipped((f"{n}.csv", random.Random(n).randbytes(40)) for n in range(20))
    assert len(longer) >= 2_000
    for end in range(2_000):
        with pytest.raises(PayloadUnreadableError):
            contents(longer[:end])


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.csv", "/etc/evil.csv", "a/../../b.csv", "C:evil.csv", "C:\\evil.csv", "a\\b.csv", "a//b.csv", ".",
        "..", "./a.csv", "new\nline.csv", "nul\0.csv",
    ],
)  # fmt: skip
def test_a_hostile_name_is_refused(name: str) -> None:
    body = zipped([("A" * len(name.encode()), "x")]).replace(b"A" * len(name.encode()), name.encode())
    with pytest.raises(PayloadUnreadableError, match=r"no plain name|no text|contradicts"):
        contents(body)


def test_a_name_that_reads_backwards_is_refused() -> None:
    with pytest.raises(PayloadUnreadableError, match="no text"):
        contents(zipped([("\u202eevil.csv", "x")]))


def test_names_in_folders_and_in_other_scripts_are_names() -> None:
    names = ["Haus A/Kessel.csv", "ボイラー.csv"]
    assert list(contents(zipped([(name, "x") for name in names]))) == names


def test_two_members_of_one_name_are_refused_by_that_name() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped([("a.csv", "1"), ("a.csv", "2")])
    with pytest.raises(PayloadUnreadableError, match=r"two members called 'a\.csv'"):
        contents(twice)


def test_a_link_is_refused() -> None:
    packed = io.BytesIO()
    entry = zipfile.ZipInfo("a.csv")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(PayloadUnreadableError, match="a link"):
        contents(packed.getvalue())


def test_an_encrypted_member_is_refused() -> None:
    body = bytearray(WHOLE)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = body.find(mark)
        body[at + offset] |= 1
    with pytest.raises(PayloadUnreadableError, match="encrypted"):
        contents(bytes(body))


def _packed_by(method: int) -> bytes:
    """The archive, whose first member says in both of its headers that it is packed by `method`."""
    body = bytearray(WHOLE)
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", body, body.find(mark) + offset, method)
    return bytes(body)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (9, "deflate64"),
        (12, "bzip2"),
        (14, "lzma"),
        (93, "zstd"),
        (95, "xz"),
        (77, "an unknown one"),
        (99, "encrypted"),
    ],
)
def test_a_method_that_nobody_reads_here_is_refused_for_good_by_its_name(method: int, name: str) -> None:
    with pytest.raises(PayloadUnreadableError, match=name) as refused:
        contents(_packed_by(method))
    assert refused.value.is_meant
    assert name == "encrypted" or f"(method {method})" in refused.value.culprit


def test_a_method_that_only_one_header_has_is_damage_and_may_pass() -> None:
    body = bytearray(WHOLE)
    struct.pack_into("<H", body, body.find(b"PK\x01\x02") + 10, 9)
    with pytest.raises(PayloadUnreadableError, match="contradicts itself") as refused:
        contents(bytes(body))
    assert not refused.value.is_meant


@pytest.mark.parametrize(("front", "n_bytes"), [(b"<html></html>", 13), (b"\0", 1), (b"MZ stub" * 9, 63)])
def test_what_stands_before_an_archive_is_refused_with_its_place_and_number(front: bytes, n_bytes: int) -> None:
    moved = bytearray(front + WHOLE)  # as a program that unpacks itself is written: every offset counts it
    at = -1
    while (at := moved.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<L", moved, at + 42, struct.unpack_from("<L", moved, at + 42)[0] + n_bytes)
    end = moved.rfind(b"PK\x05\x06")
    struct.pack_into("<L", moved, end + 16, struct.unpack_from("<L", moved, end + 16)[0] + n_bytes)
    for body in (front + WHOLE, bytes(moved)):
        with pytest.raises(PayloadUnreadableError, match=f"{n_bytes} bytes stand before it, from 0 on"):
            contents(body)


def test_what_stands_behind_an_archive_is_refused_with_its_place_and_number() -> None:
    with pytest.raises(PayloadUnreadableError, match=f"4 bytes follow its end at {len(WHOLE):,}"):
        contents(WHOLE + b"more")


def _named(raw: bytes, *, flags: int = 0, extra: bytes = b"", local_extra: bytes | None = None) -> bytes:
    """One stored member of one byte, called `raw`."""
    first = extra if local_extra is None else local_extra
    sizes = (33, zlib.crc32(b"x"), 1, 1, len(raw))
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, 0, 0, *sizes, len(first)) + raw + first + b"x"
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 798, 20, flags, 0, 0, *sizes, len(extra), 0, 0, 0, 0, 0) + raw + extra
    return local + entry + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)


def _unicode_path(name: str, raw: bytes) -> bytes:
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + name.encode()
    return struct.pack("<2H", 0x7075, len(field)) + field


def test_a_name_is_utf_8_with_or_without_its_flag_or_what_its_unicode_path_says() -> None:
    umlaut, old = "Küche.csv", "Küche.csv".encode("cp437")
    assert list(contents(_named(umlaut.encode()))) == [umlaut]
    assert list(contents(_named(umlaut.encode(), flags=0x800))) == [umlaut]
    assert list(contents(_named(old, extra=_unicode_path(umlaut, old)))) == [umlaut]
    assert list(contents(_named(old, extra=_unicode_path(umlaut, old), local_extra=b""))) == [umlaut]
    assert list(contents(_named(umlaut.encode(), extra=_unicode_path("other.csv", b"renamed since")))) == [umlaut]


def test_of_several_unicode_paths_that_which_was_written_for_the_name_counts_and_two_such_are_two_names() -> None:
    old = "Küche.csv".encode("cp437")
    own, stale = _unicode_path("Küche.csv", old), _unicode_path("other.csv", b"renamed since")
    for extra in (stale + own, own + stale, stale + stale + own, own + own):
        assert list(contents(_named(old, extra=extra))) == ["Küche.csv"]
        assert list(contents(_named(old, extra=extra, local_extra=own))) == ["Küche.csv"]
    with pytest.raises(PayloadUnreadableError, match="two names, the second is 'b\\.csv'"):
        contents(_named(old, extra=own + _unicode_path("b.csv", old)))
    with pytest.raises(PayloadUnreadableError, match="contradicts itself about 'Küche\\.csv'"):
        contents(_named(old, extra=own, local_extra=stale + own + _unicode_path("b.csv", old)))


def test_a_name_in_a_character_set_that_nobody_names_is_refused_for_good() -> None:
    for raw in ("Küche.csv".encode("cp437"), "Küche.csv".encode("latin-1"), "кухня.csv".encode("cp866")):
        with pytest.raises(PayloadUnreadableError, match="is no UTF-8, and does not say") as refused:
            contents(_named(raw))
        assert refused.value.is_meant


def test_two_names_of_one_member_are_refused() -> None:
    both = _unicode_path("b.csv", b"a.csv")
    with pytest.raises(PayloadUnreadableError, match="two names"):
        contents(_named(b"a.csv", flags=0x800, extra=both))
    with pytest.raises(PayloadUnreadableError, match="contradicts itself about 'b\\.csv'"):
        contents(_named(b"a.csv", extra=both, local_extra=_unicode_path("c.csv", b"a.csv")))


def test_a_web_page_is_no_archive() -> None:
    with pytest.raises(PayloadUnreadableError, match="cut, or is none"):
        contents(b"<!DOCTYPE html><html></html>" * 10)


def _forged(**changes: int) -> bytes:
    """One member of 1,000,000 bytes whose headers, both of them, say what `changes` say."""
    body = bytearray(zipped([("a.csv", b"0" * 1_000_000)]))
    central = body.find(b"PK\x01\x02")
    places = {"crc": (14, 16), "n_packed": (18, 20), "n_bytes": (22, 24)}
    for name, value in changes.items():
        for start, offset in zip((0, central), places[name], strict=True):
            struct.pack_into("<L", body, start + offset, value)
    return bytes(body)


def test_a_member_that_holds_more_than_it_says_is_refused_even_with_a_forged_checksum() -> None:
    body = _forged(n_bytes=100, crc=zlib.crc32(b"0" * 100))
    with pytest.raises(PayloadUnreadableError, match="more of"):
        contents(body)


def test_a_member_that_holds_less_than_it_says_is_refused() -> None:
    with pytest.raises(PayloadUnreadableError, match="1,000,000 of the 2,000,000"):
        contents(_forged(n_bytes=2_000_000))


def test_packed_bytes_that_are_left_over_are_refused() -> None:
    body = zipped([("a.csv", b"0" * 100)])
    n_packed = struct.unpack_from("<L", body, 18)[0]
    with pytest.raises(PayloadUnreadableError, match=r"overlap|behind the end|cut"):
        contents(_repacked(body, n_packed + 4))


def _repacked(body: bytes, n_packed: int) -> bytes:
    """The archive with four bytes more behind its one member's stream, counted by every header."""
    central, end = body.find(b"PK\x01\x02"), body.find(b"PK\x05\x06")
    longer = bytearray(body[:central] + b"more" + body[central:])
    struct.pack_into("<L", longer, 18, n_packed)
    struct.pack_into("<L", longer, central + 4 + 20, n_packed)
    struct.pack_into("<L", longer, end + 4 + 16, central + 4)
    return bytes(longer)


def test_members_that_share_their_bytes_are_refused_before_one_is_unpacked() -> None:
    body = bytearray(zipped([("a.csv", "x" * 1000), ("b.csv", "x" * 1000)], method=zipfile.ZIP_STORED))
    second = body.rfind(b"PK\x01\x02")
    struct.pack_into("<L", body, second + 42, 0)  # the second member begins where the first does
    with pytest.raises(PayloadUnreadableError, match="overlap"):
        contents(bytes(body))


def _seconds(bomb: Callable[[], object]) -> float:
    began = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises((AnswerTooLargeError, PayloadUnreadableError)):
            bomb()
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    return time.monotonic() - began


def test_an_archive_that_pretends_to_be_huge_is_refused_at_once() -> None:
    assert _seconds(lambda: contents(_forged(n_bytes=4_000_000_000))) < 5


def test_a_ratio_that_no_telemetry_has_is_refused_once_it_matters() -> None:
    limits = ArchiveLimits(ratio_from_bytes=500_000, max_ratio=200)
    assert _seconds(lambda: contents(zipped([("a.csv", b"0" * 1_000_000)]), limits)) < 5
    assert contents(zipped([("a.csv", b"0" * 400_000)]), limits)


def test_too_many_members_are_refused_before_their_list_is_read() -> None:
    assert _seconds(lambda: contents(WHOLE, ArchiveLimits(max_members=2))) < 5


def test_too_many_bytes_are_refused() -> None:
    assert _seconds(lambda: contents(WHOLE, ArchiveLimits(max_bytes=100))) < 5


def test_an_index_that_is_as_large_as_a_bomb_is_refused_before_it_is_read() -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 70 * 2**20, 0, 0)
    body = b"\0" * (70 * 2**20) + end
    assert _seconds(lambda: contents(body)) < 5


def test_an_archive_inside_an_archive_stays_shut() -> None:
    inner = zipped([("a.csv", b"0" * 1_000_000)])
    assert contents(zipped([("inner.zip", inner)])) == {"inner.zip": inner}


def test_a_member_can_be_read_as_a_file_and_the_same_is_held_against_its_checksum() -> None:
    archive = Archive(io.BytesIO(WHOLE), place="test")
    with archive.opened(archive.members[0]) as file:
        head, tail = file.read(7), file.read()
    assert head + tail == SAID[archive.members[0].name]
    flipped = bytearray(zipped(FILES, method=zipfile.ZIP_STORED))
    flipped[flipped.find(b"1751882400000")] ^= 1
    archive = Archive(io.BytesIO(bytes(flipped)), place="test")
    with archive.opened(archive.members[0]) as file, pytest.raises(PayloadUnreadableError, match="wrong checksum"):
        file.read()


def test_a_member_is_unpacked_by_pieces() -> None:
    body = zipped([("a.csv", b"0123456789abcdef" * 2**20)])
    archive = Archive(io.BytesIO(body), place="test")
    tracemalloc.start()
    sizes = [len(piece) for piece in archive.read(archive.members[0])]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(sizes) == 16 * 2**20
    assert max(sizes) <= 2**20
    assert peak < 8 * 2**20
