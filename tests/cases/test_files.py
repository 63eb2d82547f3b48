"""Files as their writers make them: decimal signs, names in archives, blanks behind separators, short offsets."""

import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.measurement import concat
from domain.window import Window
from providers.servitly.account import AccountConfig as ServitlyAccount
from providers.servitly.normalize import normalize_each
from providers.voltstorage.account import AccountConfig as VoltStorageAccount
from providers.voltstorage.normalize import normalize as voltstorage
from tests.fakes.zips import answer, zipped
from tests.providers.voltstorage.harness import exported, points_of

FIRST, SECOND = (Window.of_day(date(2025, 6, day)) for day in (1, 2))
BOTH = Window.of_days(date(2025, 6, 1), date(2025, 6, 2))
MINUTE = timedelta(minutes=1)

Points = dict[tuple[str, datetime], float | str]


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def of_servitly(archive: bytes, asked: Window, windows: Sequence[Window]) -> tuple[Points, list[str]]:
    """What an archive says in all of the windows, and the reasons of what is rejected."""
    batches = normalize_each([answer(archive, asked)], windows, ServitlyAccount(tenant="acme"))
    whole = concat([batch for _, batch in batches])
    return points_of(whole), list(whole.rejected["reason"])


def with_a_plain_name(name: bytes, body: bytes) -> bytes:
    """An archive as Info-ZIP writes it on Unix: a stored member, whose name is UTF-8 and does not say so."""
    crc, date_of_1980 = zlib.crc32(body), 33
    sizes = struct.pack("<3L2H", crc, len(body), len(body), len(name), 0)
    local = b"PK\3\4" + struct.pack("<5H", 20, 0, 0, 0, date_of_1980) + sizes + name + body
    made_by_unix = 3 << 8 | 30
    head = struct.pack("<6H", made_by_unix, 20, 0, 0, 0, date_of_1980) + sizes + struct.pack("<3H2L", 0, 0, 0, 0, 0)
    index = b"PK\1\2" + head + name
    return local + index + b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, len(index), len(local), 0)


@pytest.mark.parametrize("windows", [[BOTH], [FIRST, SECOND]], ids=["as one window", "day by day"])
def test_a_column_with_a_decimal_comma_groups_thousands_by_points_on_every_day(windows: list[Window]) -> None:
    said = {
        FIRST.start: ("950,5", 950.5),
        FIRST.start + MINUTE: ("1.234,5", 1234.5),
        SECOND.start: ("950", 950.0),
        SECOND.start + MINUTE: ("1.234", 1234.0),
    }
    text = "TIMESTAMP;Power [W]\n" + "".join(f"{millis(at)};{cell}\n" for at, (cell, _) in said.items())
    points, reasons = of_servitly(zipped([("B1.csv", text)]), BOTH, windows)
    assert points == {("B1/Power [W]", at): value for at, (_, value) in said.items()}
    assert reasons == []


def test_whole_numbers_in_groups_of_thousands_are_never_read_as_fractions() -> None:
    cells = ["950", "1,234", "2,985"]
    rows = "".join(f'{millis(FIRST.start + n * MINUTE)},"{cell}"\n' for n, cell in enumerate(cells))
    points, reasons = of_servitly(zipped([("B1.csv", f"TIMESTAMP,Power [W]\n{rows}")]), FIRST, [FIRST])
    assert points == {("B1/Power [W]", FIRST.start): 950.0}
    assert reasons == ["ambiguous_decimal"] * 2


def test_a_name_in_utf_8_that_does_not_say_so_is_read_as_utf_8() -> None:
    body = f"TIMESTAMP,Power [W]\n{millis(FIRST.start)},5\n".encode()
    points, reasons = of_servitly(with_a_plain_name("Küche.csv".encode(), body), FIRST, [FIRST])
    assert points == {("Küche/Power [W]", FIRST.start): 5.0}
    assert reasons == []


def test_blanks_behind_separators_are_no_part_of_names_or_numbers() -> None:
    noon = datetime(2025, 6, 1, 12, tzinfo=UTC)
    text = "Time, Power_Grid, Power_PV\r\n2025-06-01T12:00:00Z, 1.5, 20\r\n"
    whole = concat(voltstorage([exported(text, FIRST)], FIRST, VoltStorageAccount()))
    assert points_of(whole) == {("77/Power_Grid", noon): 1.5, ("77/Power_PV", noon): 20.0}
    text = f"TIMESTAMP, Power [W]\n{millis(noon)}, 5\n"
    assert of_servitly(zipped([("B1.csv", text)]), FIRST, [FIRST]) == ({("B1/Power [W]", noon): 5.0}, [])


def test_an_offset_may_be_of_hours_only() -> None:
    text = "TIMESTAMP,Power [W]\n2025-06-01 12:00:00+00,5\n"
    points, reasons = of_servitly(zipped([("B1.csv", text)]), FIRST, [FIRST])
    assert points == {("B1/Power [W]", datetime(2025, 6, 1, 12, tzinfo=UTC)): 5.0}
    assert reasons == []
