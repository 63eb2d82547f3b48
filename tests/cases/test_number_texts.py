"""One cell, as machines of many languages write it, in the files of three providers."""

from datetime import date

import pytest

from domain.measurement import Normalized, concat
from domain.window import Window
from providers.servitly.account import AccountConfig as ServitlyAccount
from providers.servitly.normalize import normalize as servitly
from providers.smart_house.account import AccountConfig as SmartHouseAccount
from providers.smart_house.normalize import normalize as smart_house
from providers.voltstorage.account import AccountConfig as VoltStorageAccount
from providers.voltstorage.normalize import normalize as voltstorage
from tests.fakes.zips import answer, zipped
from tests.providers.smart_house import harness as smart_homes
from tests.providers.voltstorage.harness import exported

DAY = Window.of_day(date(2025, 6, 1))
CELLS = {
    "21.5": 21.5,
    "21,5": 21.5,
    "1,234.5": 1234.5,
    "1 234,5": 1234.5,
    "1\u00a0234,5": 1234.5,  # a blank that does not break
    "\u22125": -5.0,  # the minus sign of typographers
    "'-5.2": -5.2,  # a spreadsheet's mark of a text
    "5.": 5.0,
    ".5": 0.5,
    "+5": 5.0,
    "1e3": 1000.0,
    "21.5 ": 21.5,
}
NO_NUMBERS = ["n/a", "-", "true"]
READERS = ("servitly", "voltstorage", "smart_house")


def read(who: str, cell: str) -> Normalized:
    """What the one cell says, in a column or entity of numbers."""
    if who == "servitly":
        text = f'TIMESTAMP,T [°C]\n2025-06-01T00:00:00Z,"{cell}"\n'
        return concat(servitly([answer(zipped([("B1.csv", text)]), DAY)], DAY, ServitlyAccount(tenant="acme")))
    if who == "voltstorage":
        text = f"sep=;\r\nTime;Power_PV\r\n2025-06-01T10:00:00Z;{cell}\r\n"
        return concat(voltstorage([exported(text, DAY)], DAY, VoltStorageAccount()))
    about = "{unit_of_measurement=°C, device_class=temperature, state_class=measurement}"
    change = smart_homes.change("2025-06-03T10:00:00.000000+01:00", cell, about)
    landed = smart_homes.payload(smart_homes.archive([smart_homes.row(sensor_x=[change])]))
    return concat(smart_house([landed], smart_homes.DAY, SmartHouseAccount()))


def shown(whole: Normalized) -> tuple[list[float], list[str], list[str]]:
    """Numbers, texts, and reasons of rejected ones."""
    return list(whole.measurements["value"]), list(whole.states["value"]), list(whole.rejected["reason"])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("who", READERS)
def test_a_number_is_the_same_however_its_writer_spells_it(who: str, cell: str) -> None:
    assert shown(read(who, cell)) == ([CELLS[cell]], [], [])


@pytest.mark.parametrize("who", READERS)
def test_not_a_number_is_no_value(who: str) -> None:
    assert shown(read(who, "NaN")) == ([], [], [])


@pytest.mark.parametrize("cell", NO_NUMBERS)
@pytest.mark.parametrize("who", READERS)
def test_what_is_no_number_is_rejected_by_name_and_becomes_no_text(who: str, cell: str) -> None:
    assert shown(read(who, cell)) == ([], [], ["wrong_type"])


@pytest.mark.parametrize(
    ("who", "expected"),
    [("servitly", ([21.5], [], [])), ("voltstorage", ([], [], ["wrong_type"])), ("smart_house", ([21.5], [], []))],
)
def test_a_unit_behind_a_number_is_read_where_it_is_the_series_own(
    who: str, expected: tuple[list[float], list[str], list[str]]
) -> None:
    assert shown(read(who, "21.5 °C")) == expected


@pytest.mark.parametrize("cell", ["null", "NULL", "None", "unavailable", "unknown", "---"])
@pytest.mark.parametrize("who", READERS)
def test_a_word_for_no_value_is_absent_and_counted_wherever_numbers_are_written_as_texts(who: str, cell: str) -> None:
    whole = read(who, cell)
    assert (shown(whole), whole.n_absent) == (([], [], []), 1)


@pytest.mark.parametrize("cell", ["5 W", "1,5 kW", "\u22125 °C"])
@pytest.mark.parametrize("who", ["servitly", "voltstorage"])
def test_a_number_with_its_unit_in_a_column_that_nobody_knows_is_unmapped_and_becomes_no_text(
    who: str, cell: str
) -> None:
    if who == "servitly":
        text = f'TIMESTAMP,X\n2025-06-01T00:00:00Z,"{cell}"\n2025-06-01T00:01:00Z,7\n'
        whole = concat(servitly([answer(zipped([("B1.csv", text)]), DAY)], DAY, ServitlyAccount(tenant="acme")))
    else:
        text = f"sep=;\r\nTime;X\r\n2025-06-01T10:00:00Z;{cell}\r\n2025-06-01T10:01:00Z;7\r\n"
        whole = concat(voltstorage([exported(text, DAY)], DAY, VoltStorageAccount()))
    assert (shown(whole), sum(whole.unmapped.values())) == (([], [], []), 2)
