"""The archive is whole or it is nothing: cuts, flips, bombs, and files that are not the one."""

import io
import json
import random
import struct
import tracemalloc
import zipfile
from datetime import date

import pytest

from domain.errors import AnswerTooLargeError, IncompleteAnswerError, PayloadUnreadableError, ProviderError
from domain.measurement import concat
from domain.window import Window
from providers.smart_house import archive as archives
from providers.smart_house.archive import read_uploads
from providers.smart_house.normalize import normalize
from tests.fakes.zips import streamed, zipped
from tests.providers.smart_house.harness import ACCOUNT, DAY, archive, change, payload, points_of, row, smart_homes

AT = "2025-06-03T10:00:00.000000+01:00"
BODY = archive([row(sensor_x=[change(AT, "3.5"), change(AT[:-12] + "7.000000+01:00", "4.5")])])
GOOD = points_of(concat(normalize([payload(BODY)], DAY, ACCOUNT)))


def test_no_flipped_bit_loads_another_value() -> None:
    n_refused = 0
    for at in range(len(BODY)):
        damaged = BODY[:at] + bytes([BODY[at] ^ 0x01]) + BODY[at + 1 :]
        try:
            assert points_of(concat(normalize([payload(damaged)], DAY, ACCOUNT))) == GOOD
        except (PayloadUnreadableError, AnswerTooLargeError):
            n_refused += 1
    assert n_refused > len(BODY) / 3


def test_no_cut_loads_anything() -> None:
    for end in range(len(BODY)):
        with pytest.raises(PayloadUnreadableError):
            list(normalize([payload(BODY[:end])], DAY, ACCOUNT))


CELL = [change(AT, "3.5"), change(AT, "4.5")]
FILES = {
    "json": json.dumps([row(0, sensor_x=CELL), row(1, sensor_y=CELL)]),
    "csv": f'id,year,month,day,sensor_x\n0,2025,6,3,"{CELL}"\n1,2025,6,3,\n',
    "xml": '<?xml version="1.0"?><data><row><index>0</index><id>0</id><year>2025</year><month>6</month><day>3</day>'
    "<sensor_x>[]</sensor_x></row></data>",
}
METADATA = ("crowdsorcerer_extract_metadata.json", '{"name": "crowdsorcerer"}')


def _packed(form: str) -> list[bytes]:
    """The same file in every way in which an archive can hold it."""
    files = [(f"crowdsorcerer_extract.{form}", FILES[form])]
    more = [*files, METADATA]
    return [zipped(more), streamed(files), zipped(files, is_zip64=True), zipped(files, method=zipfile.ZIP_STORED)]


@pytest.mark.parametrize("form", FILES)
def test_ten_thousand_flipped_bytes_never_change_what_homes_have_said(form: str) -> None:
    said = list(read_uploads(_packed(form)[0], form, place="test"))
    assert said
    draw = random.Random(20261121)
    n_refused, wholes = 0, _packed(form)
    for number in range(10_000 // len(FILES) + 1):
        whole = wholes[number % len(wholes)]
        at = draw.randrange(len(whole))
        flipped = whole[:at] + bytes([whole[at] ^ draw.randrange(1, 256)]) + whole[at + 1 :]
        try:
            assert list(read_uploads(flipped, form, place="test")) == said
        except ProviderError:
            n_refused += 1
    assert n_refused > 10_000 / len(FILES) / 3


def test_none_of_two_thousand_cuts_is_taken_for_whole_or_for_an_answer() -> None:
    longer = json.dumps([row(n, sensor_x=[change(AT, f"{n}.5")]) for n in range(20)])
    whole = zipped([("x.json", longer)], method=zipfile.ZIP_STORED)
    archives.check(whole, "json", place="test")
    assert len(whole) >= 2_000
    for end in [*range(1_000), *range(len(whole) - 1_000, len(whole))]:
        with pytest.raises(PayloadUnreadableError):
            archives.check(whole[:end], "json", place="test")


@pytest.mark.parametrize("fault", [{"name": "zip_cut"}, {"name": "zip_flip"}, {"name": "zip_empty"}])
def test_a_damaged_archive_is_incomplete_and_asked_for_again_later(fault: dict[str, str]) -> None:
    with smart_homes() as made:
        made.twin.fault(**fault)
        with pytest.raises(IncompleteAnswerError):
            made.fetch()
        made.twin.clear_faults()
        assert made.fetch()


@pytest.mark.parametrize("framing", ["close", "content_length", "chunked"])
def test_an_answer_that_breaks_off_on_the_wire_is_never_taken_for_whole(framing: str) -> None:
    with smart_homes(limits={"max_tries": 1}) as made:
        made.twin.fault("cut", framing=framing, fraction=0.7)
        with pytest.raises(IncompleteAnswerError):
            made.fetch()


def test_a_second_file_that_describes_the_first_is_left_alone() -> None:
    with smart_homes() as made:
        plain = points_of(made.load())
        made.twin.fault("zip_metadata")
        assert points_of(made.load()) == plain


@pytest.mark.parametrize(
    "body",
    [
        b"PK\5\6" + bytes(18),
        archive([], "xml"),
        archive([], more={"another.json": b"[]"}),
        archive([], more={"../../etc/x.json": b"[]"}),
        b"",
        b"<html>",
        b'[{"id":0}]',
    ],
)
def test_an_archive_without_exactly_one_file_of_the_format_is_unreadable(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError):
        list(normalize([payload(body)], DAY, ACCOUNT))


def test_two_files_of_one_name_are_not_guessed_between() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("x.json", b"[]")
        with pytest.warns(UserWarning, match="Duplicate name"):
            opened.writestr("x.json", b"[]")
    with pytest.raises(PayloadUnreadableError, match=r"two members called 'x\.json'"):
        list(normalize([payload(packed.getvalue())], DAY, ACCOUNT))


def test_an_encrypted_or_oddly_packed_file_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as opened:
        opened.writestr("x.json", b"[]")
    with pytest.raises(PayloadUnreadableError, match="method 12"):
        list(normalize([payload(packed.getvalue())], DAY, ACCOUNT))


def test_a_bomb_is_refused_by_its_size_before_a_byte_of_it_is_unpacked() -> None:
    with smart_homes() as made:
        made.twin.fault("zip_bomb", mib=300)
        tracemalloc.start()
        try:
            with pytest.raises(AnswerTooLargeError, match="unpacks to"):
                made.provider.client._ask(made.provider.client._requests(DAY)[0])
            assert tracemalloc.get_traced_memory()[1] < 900 * 2**20  # what the twin itself packs, in this process
        finally:
            tracemalloc.stop()


def test_a_bomb_that_lies_about_its_size_is_never_unpacked_beyond_what_it_says() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x.json", b" " * 50 * 2**20)
    body = bytearray(packed.getvalue())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = body.rindex(signature) + offset
        body[at : at + 4] = struct.pack("<I", 1000)
    tracemalloc.start()
    try:
        with pytest.raises(PayloadUnreadableError, match="holds more of"):
            archives.check(bytes(body), "json", place="test")
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_the_day_does_not_matter_for_that() -> None:
    assert GOOD
    assert not points_of(concat(normalize([payload(BODY)], Window.of_day(date(2025, 6, 2)), ACCOUNT)))
