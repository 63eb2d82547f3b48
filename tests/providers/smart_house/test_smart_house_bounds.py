"""What would fill the memory is refused before it is kept; what is real is read within bounds, however long it is."""

import csv
import io
import json
import random
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain.errors import AnswerTooLargeError, IncompleteAnswerError
from domain.measurement import concat
from domain.window import Window
from providers.smart_house import archive as archives
from providers.smart_house.csv_file import csv_rows
from providers.smart_house.normalize import normalize
from tests.fakes.forked import together
from tests.fakes.memory import rise_of
from tests.fakes.zips import zipped
from tests.providers.smart_house.harness import ACCOUNT, archive, change, payload, row, smart_homes

MEBIBYTE = 2**20
MOST = 128 * MEBIBYTE
HEAD = b'[{"id":0,"year":2025,"month":6,"day":3,"sensor_x":['
XML = b"<data><row><id>0</id><year>2025</year><month>6</month><day>3</day><sensor_x>"
CSV = b"id,year,month,day,sensor_x\n"


def _many(unit: bytes, mebibytes: int) -> bytes:
    return unit * (mebibytes * MEBIBYTE // len(unit))


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "objects without a row": ("json", lambda: b"[" + _many(b"{},", 33) + b"{}]"),
    "a list of objects": ("json", lambda: HEAD + _many(b"{},", 33) + b"{}]}]"),
    "a list of nothing": ("json", lambda: HEAD + _many(b"null,", 7) + b"null]}]"),
    "a text without an end": ("json", lambda: b'[{"' + b"a" * 33 * MEBIBYTE),
    "a home for each row": (
        "json",
        lambda: json.dumps([row(home) | {f"sensor_{home}": 1} for home in range(110_000)]).encode(),
    ),
    "commas": ("csv", lambda: b"," * 33 * MEBIBYTE + b"\n"),
    "more columns than anybody has": ("csv", lambda: CSV[:-1] + b",".join(b"x%d" % n for n in range(30_000)) + b"\n"),
    "a cell without an end": ("csv", lambda: CSV + b'0,2025,6,3,"' + b"a" * 33 * MEBIBYTE),
    "a list of lists": ("csv", lambda: CSV + b'0,2025,6,3,"[' + _many(b"[],", 15) + b']"\n'),
    "lists in a cell": ("xml", lambda: XML + b"[" + _many(b"[],", 15) + b"]</sensor_x></row></data>"),
    "attributes": ("xml", lambda: b"<data " + b" ".join(b'a%d=">"' % n for n in range(2_000_000)) + b"/>"),
    "a comment": ("xml", lambda: b"<data><!--" + b"a" * 33 * MEBIBYTE + b"--></data>"),
}


def _stored(content: bytes, form: str) -> bytes:
    """Not packed, so that no ratio gives it away."""
    return zipped([(f"x.{form}", content)], method=zipfile.ZIP_STORED)


@pytest.mark.parametrize("name", [name for name in BOMBS if name != "objects without a row"])
def test_a_bomb_within_the_limits_of_archives_is_refused_before_it_is_kept_at_bounded_memory(name: str) -> None:
    form, made = BOMBS[name]
    body = _stored(made(), form)

    def refuse() -> None:
        with pytest.raises(AnswerTooLargeError, match="the file has"):
            archives.check(body, form, place="test")

    began = time.monotonic()
    (risen,) = together([lambda: rise_of(refuse)])
    assert risen < MOST
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("name", ["objects without a row", "a list of objects", "commas", "a comment"])
def test_what_packs_to_nothing_is_refused_by_its_ratio(name: str) -> None:
    form, made = BOMBS[name]
    body = zipped([(f"x.{form}", made())])
    assert len(body) < 200_000
    with pytest.raises(AnswerTooLargeError, match="beyond 200 to 1"):
        archives.check(body, form, place="test")


def test_a_bomb_in_an_answer_is_no_answer() -> None:
    with smart_homes(account=replace(ACCOUNT, types=("sensor",)), slice_of=timedelta(days=1)) as made:
        made.twin.fault("member", text=(HEAD + _many(b"{},", 2) + b"{}]}]").decode())
        with pytest.raises(AnswerTooLargeError, match="objects and lists"):
            made.fetch()


def test_a_file_of_another_shape_is_kept_and_a_damaged_one_is_not() -> None:
    with smart_homes() as made:
        made.twin.fault("member", text='{"not": "a list"}')
        assert len(made.fetch()) == 1
        made.twin.clear_faults()
        made.twin.fault("zip_flip")
        with pytest.raises(IncompleteAnswerError):
            made.fetch()


def _busy(n_rows: int, n_columns: int) -> list[dict[str, object]]:
    """Rows as the collectors of May 2022 sent them: some seconds each, and nothing in most columns."""
    draw = random.Random(1)
    names = [f"sensor_{draw.randrange(10**9)}_power" for _ in range(n_columns)]
    rows = []
    for number in range(n_rows):
        second = number * 86_400 // n_rows
        at = f"2025-06-03T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{draw.randrange(10**6):06}+00:00"
        said = dict.fromkeys(names) | {name: [change(at, str(draw.random()))] for name in draw.sample(names, 3)}
        rows.append(row(0, sensor_kitchen_energy=[change(at, "1")]) | said)
    return rows


@pytest.mark.parametrize("n_columns", [40, 200, 600])
def test_rows_that_are_nearly_empty_pack_well_and_are_no_bomb(n_columns: int) -> None:
    content = json.dumps(_busy(10 * MEBIBYTE // (40 * n_columns + 800), n_columns)).encode()
    assert len(content) > 8 * MEBIBYTE
    body = archive(content)
    assert len(archives.check(body, "json", place="test")) > n_columns / 2
    print(f"{n_columns} columns: {len(content) / len(body):.0f} to 1")


@pytest.mark.parametrize("form", ["json", "csv", "xml"])
def test_no_file_is_in_memory_whole(form: str) -> None:
    piece = _busy(500, 10)
    body = _stored(_long(form, piece, 14 * MEBIBYTE), form)

    def read() -> None:
        archives.check(body, form, place="test")
        n_points = 0
        for batch in normalize([payload(body, form)], Window.of_day(date(2025, 6, 2)), ACCOUNT):
            n_points += batch.n_received
        assert n_points == 0

    (risen,) = together([lambda: rise_of(read)])
    print(f"{form}: {len(body) / MEBIBYTE:.0f} MiB, {risen / MEBIBYTE:.0f} MiB over idle")
    assert risen < 12 * MEBIBYTE


def _long(form: str, rows: Sequence[dict[str, object]], n_bytes: int) -> bytes:
    """The rows again and again."""
    if form == "json":
        text = json.dumps(rows).encode()[1:-1]
        return b"[" + (text + b",") * (n_bytes // len(text)) + text + b"]"
    if form == "csv":
        lines = io.StringIO()
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writerows(rows)
        text = lines.getvalue().encode()
        return ",".join(rows[0]).encode() + b"\n" + text * (n_bytes // len(text))
    text = "".join(
        f"<row>{''.join(f'<{name}>{cell}</{name}>' for name, cell in one.items() if cell)}</row>" for one in rows
    ).encode()
    # An id of 0 is no cell to leave out.
    text = text.replace(b"<row>", b"<row><id>0</id>")
    return b"<data>" + text * (n_bytes // len(text)) + b"</data>"


def test_whatever_the_standard_library_writes_as_csv_is_read_back() -> None:
    draw = random.Random(20261121)
    names = ["id", "year", "month", "day", "x", "y"]
    for ending in ("\n", "\r\n"):
        rows = [
            ["1", *("".join(draw.choice('ab,"\n') for _ in range(draw.randrange(5))) for _ in names[1:])]
            for _ in range(3_000)
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator=ending)
        writer.writerows([names, *rows])
        read = csv_rows(io.BytesIO(b"\xef\xbb\xbf" + text.getvalue().encode()), "test")
        assert [list(one.values()) for one in read if isinstance(one, dict)] == rows


SHORT = 'id,year,month,day,sensor_x,sensor_y\n0,2025,6,3,"{}",\n'.format([change("2025-06-03T10:00:00+00:00", "1.5")])


@pytest.mark.parametrize(
    "odd", ["0,2025,6,3", "0,2025,6,3,", "0,2025,6,3,,,", "0,2025,6,3,,,,,", "0,2025", "0", ",,,,,,", "0,2025,6,4,"]
)
def test_a_short_or_a_long_row_is_rejected_and_never_filled_up(odd: str) -> None:
    body = archive(f"{SHORT}{odd}\n".encode(), "csv")
    three = payload(body, "csv", last=date(2025, 6, 5))
    days = [concat(normalize([three], Window.of_day(date(2025, 6, day)), ACCOUNT)) for day in (3, 4, 5)]
    assert [len(day.measurements) for day in days] == [1, 0, 0]
    assert sorted(len(day.rejected) for day in days) == [0, 0, 1]  # once, whichever day it is of
    (reason,) = [reason for day in days for reason in day.rejected["reason"]]
    assert reason == "malformed_row"


def test_what_has_no_usable_time_counts_on_one_day_of_a_week_and_on_no_other() -> None:
    """Four changes of one upload, and four of the upload after the week's end, which are the next week's."""
    odd = [change(at, "1") for at in ("", "yesterday", "1970-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00")]
    last = date(2025, 6, 7)
    days = [date(2025, 6, day) for day in range(1, 8)]
    wide = payload(
        archive([row(0, day, sensor_kitchen_energy=odd) for day in (date(2025, 6, 5), date(2025, 6, 9))]),
        first=days[0],
        last=date(2025, 6, 9),
    )
    counts = [len(concat(normalize([wide], Window.of_day(day), ACCOUNT)).rejected) for day in days]
    assert counts == [0, 0, 0, 0, 4, 0, 0]
    assert len(concat(normalize([wide], Window.of_days(days[0], last), ACCOUNT)).rejected) == 4
