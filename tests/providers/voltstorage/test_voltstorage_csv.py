"""The CSV export as it is and as it may be: hints, separators, ends, empty and strange cells."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import OutsideWindowError, PayloadUnreadableError
from domain.measurement import Normalized, concat
from domain.records import Reason
from domain.window import Window
from providers.voltstorage.account import AccountConfig, FieldMeaning
from providers.voltstorage.csv_export import read_csv
from providers.voltstorage.normalize import normalize
from providers.voltstorage.spec import BATCH_ROWS
from tests.providers.voltstorage.harness import exported, points_of

DAY = Window(datetime(2021, 1, 11, tzinfo=UTC), datetime(2021, 1, 12, tzinfo=UTC))
NOON = datetime(2021, 1, 11, 12, tzinfo=UTC)


def csv(*lines: str, ending: str = "\r\n") -> str:
    return "".join(line + ending for line in lines)


def read(text: str | bytes, account: AccountConfig | None = None, window: Window = DAY) -> Normalized:
    return concat(normalize([exported(text, window)], window, account or AccountConfig()))


def values(text: str | bytes, account: AccountConfig | None = None) -> dict[str, float | str]:
    return {series.partition("/")[2]: value for (series, _), value in points_of(read(text, account)).items()}


PLAIN = csv("sep=,", "Time,Power_Grid,Power_PV", "2021-01-11T12:00:00.852Z,-10.5,20")


def test_a_time_in_utc_may_end_with_z_or_with_an_offset() -> None:
    zoned = csv("sep=,", "Time,Power_Grid,Power_PV", "2021-01-11T13:00:00.852+01:00,-10.5,20")
    same = csv("sep=,", "Time,Power_Grid,Power_PV", "2021-01-11T12:00:00.852+00:00,-10.5,20")
    want = {("77/Power_Grid", NOON + timedelta(milliseconds=852)): -10.5}
    for text in (PLAIN, zoned, same):
        assert want.items() <= points_of(read(text)).items()


@pytest.mark.parametrize("hour", [0, 1])
def test_the_doubled_hour_of_autumn_is_told_apart_by_its_offset(hour: int) -> None:
    window = Window(datetime(2025, 10, 26, tzinfo=UTC), datetime(2025, 10, 27, tzinfo=UTC))
    text = csv("sep=,", "Time,Power_PV", "2025-10-26T02:15:00.000+02:00,1", "2025-10-26T02:15:00.000+01:00,2")
    found = points_of(read(text, window=window))
    assert found["77/Power_PV", datetime(2025, 10, 26, hour, 15, tzinfo=UTC)] == hour + 1


def test_a_time_without_an_offset_is_no_instant_and_is_not_guessed() -> None:
    whole = read(csv("sep=,", "Time,Power_PV", "2021-01-11T12:00:00.852,1"))
    assert whole.measurements.empty
    assert whole.rejected["reason"].tolist() == [Reason.WRONG_TYPE]


def test_an_empty_cell_is_an_absent_point_and_never_zero() -> None:
    whole = read(csv("sep=,", "Time,Power_Grid,Power_PV", "2021-01-11T12:00:00Z,,0", "2021-01-11T12:00:01Z,5,"))
    assert points_of(whole) == {("77/Power_PV", NOON): 0.0, ("77/Power_Grid", NOON + timedelta(seconds=1)): 5.0}
    assert whole.n_received == 2


def test_a_row_whose_cells_are_all_empty_says_nothing() -> None:
    whole = read(csv("sep=,", "Time,Power_Grid,Power_PV", "2021-01-11T12:00:00.852Z,,"))
    assert whole.n_received == 0


def test_the_hint_may_lie_and_the_header_decides() -> None:
    assert values(PLAIN.replace("sep=,", "sep=;")) == {"Power_Grid": -10.5, "Power_PV": 20.0}


def test_the_hint_may_be_missing() -> None:
    assert values(PLAIN.partition("\r\n")[2]) == {"Power_Grid": -10.5, "Power_PV": 20.0}


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_every_usual_separator_is_understood(separator: str) -> None:
    assert values(PLAIN.replace(",", separator)) == {"Power_Grid": -10.5, "Power_PV": 20.0}


def test_rows_with_another_separator_than_the_header_are_repaired() -> None:
    seen_2021 = csv(
        "sep=;", "Time;Power_Grid;Power_PV", "2021-01-11T12:00:00.852Z,-10.5,20", "2021-01-11T12:00:01.852Z,,"
    )
    assert values(seen_2021) == {"Power_Grid": -10.5, "Power_PV": 20.0}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("21,5", 21.5), ("1,234.5", 1234.5), ("1.234,5", 1234.5), ("1 234,5", 1234.5), ("1\u00a0234,5", 1234.5),
        ("\u22125", -5.0), ("'-5.2", -5.2), ("5.", 5.0), (".5", 0.5), ("+5", 5.0), ("1e3", 1000.0), (" 21.5 ", 21.5),
        ("21.5 W", 21.5), ("0,123", 0.123), ("1.234", 1.234),
    ],
)  # fmt: skip
def test_a_number_that_can_only_be_one_is_read_however_it_is_written(cell: str, value: float) -> None:
    whole = read(csv("sep=;", "Time;Power_Grid;Power_PV", f"2021-01-11T12:00:00Z;{cell};2"))
    assert points_of(whole) == {("77/Power_Grid", NOON): value, ("77/Power_PV", NOON): 2.0}
    assert not len(whole.rejected)


@pytest.mark.parametrize(
    ("cells", "read_as", "n_rejected"),
    [
        (("1,234", "2"), [2.0], 1),  # could be a thousand
        (("1,234", "2,5"), [2.5], 1),
        (("1.234", "2,5"), [2.5], 1),  # whoever writes 2,5 writes a thousand like this
        (("1.234", "2,5 W"), [2.5], 1),
        (("1.234", "1.234.567"), [1_234_567.0], 1),  # groups of thousands, by points
        (("1.23", "2,5"), [1.23, 2.5], 0),
    ],
)
def test_what_could_be_a_thousand_is_rejected_by_name_and_the_whole_export_tells(
    cells: tuple[str, str], read_as: list[float], n_rejected: int
) -> None:
    """The cell that proves a decimal comma may stand thousands of rows behind."""
    between = [f"{NOON + timedelta(seconds=n):%FT%TZ};1;1" for n in range(1, 40_000)]
    first, last = f"{NOON:%FT%TZ};{cells[0]};", f"{NOON - timedelta(seconds=1):%FT%TZ};{cells[1]};"
    whole = read(csv("sep=;", "Time;Power_Grid;Power_PV", first, *between, last))
    found = whole.measurements
    assert sorted(found["value"][found["measured_at"] <= NOON]) == read_as
    assert whole.rejected["reason"].tolist() == [Reason.AMBIGUOUS_DECIMAL] * n_rejected


@pytest.mark.parametrize(
    "proof",
    ["2,5", "\u22122,5", "'-2,5", "\u200e-2,5", "\u00a02,5", "1\u00a0234,5", "1\u202f234,5 W", "5,", "\u22121.234.567"],
)
def test_a_decimal_comma_is_proven_by_whatever_stands_around_it(proof: str) -> None:
    """Minus signs and blanks of CLDR (Slovenian, Swedish, French), a spreadsheet's escape."""
    for cell in (proof, f'"{proof}"'):
        whole = read(csv("sep=;", "Time;Power_Grid", f"2021-01-11T12:00:00Z;{cell}", "2021-01-11T12:00:01Z;1.234"))
        assert (len(whole.measurements), whole.rejected["reason"].tolist()) == (1, [Reason.AMBIGUOUS_DECIMAL])


@pytest.mark.parametrize(
    "lines",
    [
        ("Time, Power_Grid, Power_PV", "2021-01-11T12:00:00Z, 1.5, 20"),
        ("sep=;", "Time ; Power_Grid ;Power_PV ", "2021-01-11T12:00:00Z ; 1.5;20 "),
        (" Time, Power_Grid, Power_PV", '2021-01-11T12:00:00Z, "1.5", "20"'),
        ("Time,\tPower_Grid,Power_PV\r", "2021-01-11T12:00:00Z,1.5,\t20\r"),
    ],
)
def test_blanks_around_cells_and_names_and_doubled_carriage_returns_are_no_part_of_them(lines: tuple[str, ...]) -> None:
    whole = read(csv(*lines))
    assert points_of(whole) == {("77/Power_Grid", NOON): 1.5, ("77/Power_PV", NOON): 20.0}
    assert (len(whole.states), len(whole.rejected), whole.unmapped) == (0, 0, {})


@pytest.mark.parametrize("cell", ["21,5", "1,234.5", " 20", "\u22125", "1 234,5", ".5", "1,234"])
def test_a_number_of_an_unknown_column_is_unmapped_however_it_is_written_and_never_a_state(cell: str) -> None:
    whole = read(csv("sep=;", "Time;Power_New;Status", f"2021-01-11T12:00:00Z;{cell}; charging"))
    assert whole.unmapped == {"77/Power_New": 1}
    assert list(whole.states["value"]) == ["charging"]


def test_a_name_that_is_there_twice_but_for_blanks_is_there_twice() -> None:
    with pytest.raises(PayloadUnreadableError, match="'Power_PV' twice"):
        read(csv("sep=,", "Time,Power_PV, Power_PV", "2021-01-11T12:00:00Z,1,2"))


def test_lines_that_end_with_a_carriage_return_alone_are_refused_with_the_place() -> None:
    with pytest.raises(PayloadUnreadableError, match=r"end with CR alone \(byte 13\)"):
        read("Time,Power_PV\r2021-01-11T12:00:00Z,1\r")


def test_separators_that_cannot_be_repaired_are_refused_by_name() -> None:
    text = csv("sep=;", "Time;Power_Grid;Power_PV", "2021-01-11T12:00:00Z,1,5,2,5", "2021-01-11T12:00:01Z,1,5,2,5")
    with pytest.raises(PayloadUnreadableError, match="separates 3 columns by ';', and no row does"):
        read(text)


def test_a_short_or_a_long_row_is_rejected_and_the_others_are_not() -> None:
    text = csv(
        "sep=,",
        "Time,Power_Grid,Power_PV",
        "2021-01-11T12:00:00Z,1",
        "2021-01-11T12:00:01Z,1,2,3",
        "2021-01-11T12:00:02Z,1,2",
    )
    whole = read(text)
    assert len(points_of(whole)) == 2
    assert whole.rejected["reason"].tolist() == [Reason.MALFORMED_ROW] * 2


@pytest.mark.parametrize("n_missing", [1, 2, 3, 7])
def test_an_export_whose_last_line_has_no_end_was_cut(n_missing: int) -> None:
    with pytest.raises(PayloadUnreadableError, match="last line was cut"):
        read(PLAIN[:-n_missing])


def test_a_provider_that_never_ends_its_last_line_can_be_said_to() -> None:
    account = AccountConfig(is_last_line_ended=False)
    assert values(PLAIN.removesuffix("\r\n"), account) == {"Power_Grid": -10.5, "Power_PV": 20.0}


def test_a_byte_order_mark_does_not_stick_to_the_first_column() -> None:
    assert values(b"\xef\xbb\xbf" + PLAIN.encode()) == {"Power_Grid": -10.5, "Power_PV": 20.0}
    assert values(b"\xef\xbb\xbf" + PLAIN.partition("\r\n")[2].encode()) == {"Power_Grid": -10.5, "Power_PV": 20.0}


def test_another_encoding_is_refused() -> None:
    with pytest.raises(PayloadUnreadableError, match="not UTF-8"):
        read(PLAIN.encode("utf-16"))


def test_an_unknown_column_of_numbers_is_unmapped_and_one_of_texts_is_a_state() -> None:
    text = csv("sep=,", "Time,Power_PV,Power_New,Status", "2021-01-11T12:00:00Z,1,2,charging")
    whole = read(text)
    assert values(text) == {"Power_PV": 1.0, "Status": "charging"}
    assert whole.unmapped == {"77/Power_New": 1}


def test_an_account_says_what_an_unknown_column_is() -> None:
    account = AccountConfig(fields={"Power_New": FieldMeaning("power", "kW")})
    assert values(csv("sep=,", "Time,Power_New", "2021-01-11T12:00:00Z,2"), account) == {"Power_New": 2000.0}


def test_a_column_that_is_there_twice_makes_the_export_unreadable() -> None:
    with pytest.raises(PayloadUnreadableError, match="'Power_PV' twice"):
        read(csv("sep=,", "Time,Power_PV,Power_PV", "2021-01-11T12:00:00Z,1,2"))


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("n/a", Reason.WRONG_TYPE),
        ("1_000", Reason.WRONG_TYPE),
        ("١٢", Reason.WRONG_TYPE),
        ("true", Reason.WRONG_TYPE),
        ("21.5 °C", Reason.WRONG_TYPE),
        ("-", Reason.WRONG_TYPE),
        ("inf", Reason.NOT_FINITE),
        ("1e999", Reason.NOT_FINITE),
        ("-Infinity", Reason.NOT_FINITE),
        ("1e12", Reason.OUT_OF_LIMITS),
    ],
)
def test_a_cell_that_is_no_number_is_rejected_with_its_reason(cell: str, reason: Reason) -> None:
    whole = read(csv("sep=,", "Time,Power_PV,Power_Grid", f"2021-01-11T12:00:00Z,{cell},1"))
    assert whole.rejected["reason"].tolist() == [reason]
    assert points_of(whole) == {("77/Power_Grid", NOON): 1.0}


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("", Reason.NO_TIME),
        ("yesterday", Reason.WRONG_TYPE),
        ("2021-13-11T12:00:00Z", Reason.IMPLAUSIBLE_TIME),
        ("1970-01-11T12:00:00Z", Reason.IMPLAUSIBLE_TIME),
        ("9999-01-11T12:00:00Z", Reason.IMPLAUSIBLE_TIME),
    ],
)
def test_a_row_without_a_usable_time_loses_its_values_and_no_other_row_does(time: str, reason: Reason) -> None:
    whole = read(csv("sep=,", "Time,Power_PV,Power_Grid", f"{time},1,", "2021-01-11T12:00:00Z,2,3"))
    assert whole.rejected["reason"].tolist() == [reason]
    assert len(points_of(whole)) == 2


def test_a_row_that_nobody_asked_for_makes_the_export_unusable() -> None:
    with pytest.raises(OutsideWindowError, match="1 of 2 rows"):
        read(csv("sep=,", "Time,Power_PV", "2021-01-11T12:00:00Z,1", "2021-01-12T01:00:01Z,1"))


def test_a_row_exactly_at_the_end_is_left_to_the_next_window() -> None:
    assert values(csv("sep=,", "Time,Power_PV", "2021-01-12T00:00:00Z,1")) == {}


def test_a_quote_that_is_not_closed_does_not_eat_the_rest_in_silence() -> None:
    with pytest.raises(PayloadUnreadableError, match="no CSV"):
        read(csv("sep=,", "Time,Status", '2021-01-11T12:00:00Z,"open', "2021-01-11T12:00:01Z,idle"))


def test_a_quoted_cell_may_hold_the_separator() -> None:
    assert values(csv("sep=,", "Time,Status", '2021-01-11T12:00:00Z,"a, b"')) == {"Status": "a, b"}


def test_numbers_keep_the_digits_that_were_sent() -> None:
    text = csv("sep=,", "Time,Power_PV,SOC_State of Charge", "2021-01-11T12:00:00Z,1234567.89,0.123456789")
    assert values(text) == {"Power_PV": 1234567.89, "SOC_State of Charge": 0.123456789}


def test_a_day_of_a_row_a_second_comes_in_several_batches_and_whole() -> None:
    n_rows = 86_400
    lines = (
        f"{DAY.start + timedelta(seconds=n):%Y-%m-%dT%H:%M:%S}.562Z,{n},{n * 2},{n / 10},{n},{n},0.5"
        for n in range(n_rows)
    )
    header = "Time,Power_Grid,Power_Household,inverterPower,Power_PV,Power_Power Electronics,SOC_State of Charge"
    batches = list(normalize([exported(csv("sep=,", header, *lines), DAY)], DAY, AccountConfig()))
    assert len(batches) == -(-n_rows // BATCH_ROWS)
    assert max(batch.n_received for batch in batches) == BATCH_ROWS * 6
    assert sum(batch.n_received for batch in batches) == n_rows * 6


def test_a_header_alone_is_an_export_without_rows() -> None:
    assert list(read_csv(b"sep=,\r\nTime,Power_PV\r\n", place="")) == []
    assert values(csv("sep=,", "Time,Power_PV")) == {}


@pytest.mark.parametrize("body", [b"", b"\r\n", b"sep=,\r\n", b"<html></html>\r\n", b"sep=,\r\nPower_PV\r\n"])
def test_what_has_no_header_is_no_export(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError):
        read(body)
