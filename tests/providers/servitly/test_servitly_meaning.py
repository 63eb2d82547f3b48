"""What archives mean, quirk by quirk: headers, times, numbers, texts, and files that are none."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from domain.errors import OutsideWindowError, PayloadUnreadableError
from domain.measurement import Normalized, concat
from domain.window import Window
from providers.servitly.account import AccountConfig, FieldMeaning
from providers.servitly.normalize import normalize
from tests.fakes.zips import answer, zipped

DAY = Window.of_day(date(2025, 6, 1))
T = 1_748_736_000_000
ACCOUNT = AccountConfig(tenant="acme")


def said(
    *files: tuple[str, str | bytes], account: AccountConfig = ACCOUNT, window: Window = DAY, **params: str
) -> Normalized:
    return concat(normalize([answer(zipped(files), DAY, **params)], window, account))


def one(text: str | bytes, account: AccountConfig = ACCOUNT) -> Normalized:
    return said(("B1.csv", text), account=account)


def values(found: Normalized) -> list[tuple[str, int, object]]:
    rows = pd.concat([found.measurements.astype({"value": "object"}), found.states.astype({"value": "object"})])
    millis = (rows["measured_at"] - pd.Timestamp(T, unit="ms", tz="UTC")) // pd.Timedelta(milliseconds=1)
    return sorted(zip(rows["series"].astype("str"), millis.tolist(), rows["value"], strict=True), key=str)


def reasons(found: Normalized) -> list[str]:
    return found.rejected["reason"].tolist()


def test_the_dialect_of_the_providers_import_is_read_cell_by_cell() -> None:
    found = one(f'TIMESTAMP,Flow [l/min],On,Note\n{T},25,true,"foo bar"\n{T + 60_000},---,false,\n')
    assert values(found) == [
        ("B1/Flow [l%2Fmin]", 0, pytest.approx(1.5)),
        ("B1/Note", 0, "foo bar"),
        ("B1/On", 0, "true"),
        ("B1/On", 60_000, "false"),
    ]
    (flow,) = [series for series in found.series if series.quantity == "flow"]
    assert (flow.provider_unit, flow.device, flow.resolution) == ("l/min", "B1", None)
    assert flow.labels == {"thing": "B1", "metric": "Flow", "unit": "l/min"}


@pytest.mark.parametrize("sentinel", ["---", "", " --- "])
def test_what_says_nothing_is_absent_and_never_zero(sentinel: str) -> None:
    found = one(f"TIMESTAMP,T [°C],U [V]\n{T},{sentinel},230\n")
    assert values(found) == [("B1/U [V]", 0, 230.0)]
    assert reasons(found) == []


@pytest.mark.parametrize(("separator", "cell"), [(",", '"21,5"'), (";", "21,5"), ("\t", "21,5"), (",", "21.5")])
def test_a_decimal_comma_is_a_comma(separator: str, cell: str) -> None:
    assert values(one(f"TIMESTAMP{separator}T [°C]\n{T}{separator}{cell}\n")) == [("B1/T [°C]", 0, 21.5)]


@pytest.mark.parametrize(
    ("cells", "accepted"),
    [
        (["1.234", "1.234,5", "12,5"], [12.5, 1234.0, 1234.5]),
        (["1.234", "1.234.567"], [1234.0, 1234567.0]),
        (["0,123", "1.234"], [0.123, 1234.0]),
        (["1,234", "21,5"], [1.234, 21.5]),
        (["7", "1,234,567"], [7.0, 1234567.0]),
        (["21.5", "1,234", "1,234.5"], [21.5, 1234.0, 1234.5]),
        (["0.123", "1.234", "21.5"], [0.123, 1.234, 21.5]),
        (["1.234", "1,234"], []),
        (["1,234", "7"], [7.0]),
        (["1.234", "2.985", "950"], [950.0]),
    ],
)
def test_a_file_has_one_decimal_sign_and_what_nothing_proves_is_rejected_by_name(
    cells: list[str], accepted: list[float]
) -> None:
    rows = "".join(f"{T + number};{cell}\n" for number, cell in enumerate(cells))
    found = one(f"TIMESTAMP;P [W]\n{rows}")
    assert sorted(found.measurements["value"]) == accepted
    assert reasons(found) == ["ambiguous_decimal"] * (len(cells) - len(accepted))


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1.234,5", 1234.5), ("1 234,5", 1234.5), ("1\u00a0234,5", 1234.5), ("1 234", 1234), ("\u22125", -5), ("5.", 5),
     (".5", 0.5), ("+5", 5), ("1e3", 1000), ("'-5.2", -5.2), ("21.5 ", 21.5), ("21.5 °C", 21.5),
     ("21,5\u202f°C", 21.5)],
)  # fmt: skip
def test_a_number_is_read_as_its_writer_meant_it(cell: str, value: float) -> None:
    column = "T [°C]" if abs(value) < 100 else "P [W]"
    assert values(one(f'TIMESTAMP,{column}\n{T},"{cell}"\n')) == [(f"B1/{column}", 0, value)]


@pytest.mark.parametrize("cell", ["0x1F", "1_000", "\u0661", "twelve", "1,2,3", "12,34.5", "21.5 K", "5-", "-", "n/a"])
def test_a_number_in_another_guise_is_rejected_and_not_guessed(cell: str) -> None:
    assert reasons(one(f'TIMESTAMP,T [°C]\n{T},"{cell}"\n')) == ["wrong_type"]


def test_a_number_of_a_metric_that_nobody_knows_is_unmapped_however_it_is_written_and_a_version_is_a_text() -> None:
    found = one(f'TIMESTAMP,E [kWh],X,V\n{T},"1.234,5 kWh","1,234.5",1.20.345\n')
    assert found.unmapped == {"B1/E [kWh]": 1, "B1/X": 1}
    assert values(found) == [("B1/V", 0, "1.20.345")]


@pytest.mark.parametrize(
    ("cell", "reason"), [("Infinity", "not_finite"), ("1e999", "not_finite"), ("-300", "out_of_limits")]
)
def test_an_impossible_number_is_rejected_by_name(cell: str, reason: str) -> None:
    assert reasons(one(f"TIMESTAMP,T [°C]\n{T},{cell}\n")) == [reason]


@pytest.mark.parametrize(
    "text", ["\ufeffTIMESTAMP,T [°C]\n{T},1\n", "TIMESTAMP,T [°C]\r\n{T},1\r\n", "TIMESTAMP,T [°C]\n{T},1"]
)
def test_byte_order_marks_carriage_returns_and_a_missing_line_end_change_nothing(text: str) -> None:
    assert values(one(text.replace("{T}", str(T)))) == [("B1/T [°C]", 0, 1.0)]


def test_a_quoted_text_may_hold_separators_quotes_and_line_breaks() -> None:
    found = one(f'TIMESTAMP,"Note, long",T [°C]\n{T},"a, ""b""\nc",1\n{T + 1000},d,2\n')
    assert values(found) == [
        ("B1/Note, long", 0, 'a, "b"\nc'),
        ("B1/Note, long", 1000, "d"),
        ("B1/T [°C]", 0, 1.0),
        ("B1/T [°C]", 1000, 2.0),
    ]


def test_a_quote_that_is_not_closed_does_not_eat_the_rest_of_the_file() -> None:
    with pytest.raises(PayloadUnreadableError, match="no CSV"):
        one(f'TIMESTAMP,Note\n{T},"open\n{T},x\n')


def test_a_quote_in_the_second_piece_of_a_large_file_is_read_as_one() -> None:
    plain = "".join(f"{T + row},{row},\n" for row in range(100_000))
    found = one(f'TIMESTAMP,P [W],Note\n{plain}{T + 100_000},5,"a,b"\n')
    assert len(found.measurements) == 100_001
    assert found.states["value"].tolist() == ["a,b"]


@pytest.mark.parametrize(
    ("time", "millis"),
    [
        (f"{T + 500}", 500),
        ("2025-06-01T00:00:00.500Z", 500),
        ("2025-06-01T02:00:00+02:00", 0),
        ("2025-06-01T02:00:01+0200", 1000),
        ("2025-06-01 00:00:00Z", 0),
    ],
)
def test_times_are_epoch_milliseconds_or_iso_with_an_offset(time: str, millis: int) -> None:
    assert values(one(f"TIMESTAMP,T [°C]\n{time},1\n")) == [("B1/T [°C]", millis, 1.0)]


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2025-06-01T00:00:00", "wrong_type"),
        ("01/06/2025 00:00", "wrong_type"),
        ("", "no_time"),
        ("---", "no_time"),
        (f"{T // 1000}", "implausible_time"),
        (f"{T}000", "implausible_time"),
        ("2025-13-01T00:00:00Z", "implausible_time"),
        ("9999-01-01T00:00:00Z", "implausible_time"),
    ],
)
def test_a_time_that_is_none_is_rejected_and_never_guessed(time: str, reason: str) -> None:
    assert reasons(one(f"TIMESTAMP,T [°C]\n{time},1\n{T},2\n")) == [reason]


def test_rows_without_a_time_count_in_the_day_of_the_row_before_them_and_in_no_other() -> None:
    month = Window.of_days(date(2025, 6, 1), date(2025, 6, 30))
    days = [Window.of_day(date(2025, 6, 1 + number)) for number in range(30)]
    rows = "".join(f"{T + day * 86_400_000},{day}\n{'n/a,9' + chr(10) if day % 10 == 4 else ''}" for day in range(30))
    payload = answer(zipped([("B1.csv", f"TIMESTAMP,T [°C]\n{rows}")]), month)
    counted = {day.start.day: reasons(concat(normalize([payload], day, ACCOUNT))) for day in days}
    assert {day: found for day, found in counted.items() if found} == {key: ["wrong_type"] for key in (5, 15, 25)}


def test_a_row_without_a_time_in_front_of_a_piece_of_a_file_belongs_to_the_piece_before_it() -> None:
    month, second = Window.of_days(date(2025, 6, 1), date(2025, 6, 30)), Window.of_day(date(2025, 6, 2))
    first = "".join(f'{T},"{number % 90}"\n' for number in range(50_000))  # as many rows as make a piece
    payload = answer(zipped([("B1.csv", f'TIMESTAMP,T [°C]\n{first}n/a,"9"\n{T + 86_400_000},2\n')]), month)
    assert reasons(concat(normalize([payload], DAY, ACCOUNT))) == ["wrong_type"]
    assert reasons(concat(normalize([payload], second, ACCOUNT))) == []


def test_both_hours_of_an_autumn_night_are_kept() -> None:
    night = Window.of_day(date(2025, 10, 26))
    text = "TIMESTAMP,T [°C]\n2025-10-26T02:30:00+02:00,1\n2025-10-26T02:30:00+01:00,2\n"
    found = concat(normalize([answer(zipped([("B1.csv", text)]), night)], night, ACCOUNT))
    assert [at.isoformat() for at in found.measurements["measured_at"]] == [
        "2025-10-26T00:30:00+00:00",
        "2025-10-26T01:30:00+00:00",
    ]


def test_two_metrics_of_one_name_differ_by_their_units() -> None:
    found = one(f"TIMESTAMP,T [°C],T [K]\n{T},20,300\n")
    assert values(found) == [("B1/T [K]", 0, pytest.approx(26.85)), ("B1/T [°C]", 0, 20.0)]


def test_columns_differ_from_file_to_file() -> None:
    found = said(("B1.csv", f"TIMESTAMP,T [°C]\n{T},1\n"), ("B2.csv", f"TIMESTAMP,U [V],T [°C]\n{T},2,3\n"))
    assert [key for key, _, _ in values(found)] == ["B1/T [°C]", "B2/T [°C]", "B2/U [V]"]


def test_a_unit_that_may_mean_two_things_is_unmapped_until_the_account_says_which() -> None:
    text = f"TIMESTAMP,Energy [kWh]\n{T},2\n"
    assert one(text).unmapped == {"B1/Energy [kWh]": 1}
    account = replace(ACCOUNT, fields={"Energy": FieldMeaning("energy_register")})
    found = one(text, account)
    assert values(found) == [("B1/Energy [kWh]", 0, 2000.0)]
    assert found.series[0].quantity == "energy_register"


def test_without_units_the_account_says_them() -> None:
    account = replace(ACCOUNT, are_units_included=False, fields={"Druck [oben]": FieldMeaning("pressure", "bar")})
    assert values(one(f"TIMESTAMP,Druck [oben]\n{T},2\n", account)) == [("B1/Druck [oben]", 0, 200_000.0)]


def test_an_unknown_unit_is_counted_by_name_and_not_guessed() -> None:
    assert one(f"TIMESTAMP,Speed [rpm]\n{T},900\n").unmapped == {"B1/Speed [rpm]": 1}


@pytest.mark.parametrize("row", ["{T}", "{T},1,2", "{T},1,2,3,4"])
def test_a_row_with_too_few_or_too_many_cells_is_rejected_whole(row: str) -> None:
    found = one(f"TIMESTAMP,T [°C],U [V],P [W]\n{row.replace('{T}', str(T))}\n{T + 1},1,2,3\n")
    assert reasons(found) == ["malformed_row"]
    assert len(found.measurements) == 3


@pytest.mark.parametrize("name", ["Zeit", "", "Time stamp", "value"])
def test_a_header_that_begins_with_no_time_is_refused(name: str) -> None:
    with pytest.raises(PayloadUnreadableError, match="does not begin"):
        one(f"{name},T [°C]\n{T},1\n")


def test_a_column_that_comes_twice_is_refused_by_name() -> None:
    with pytest.raises(PayloadUnreadableError, match=r"'T \[°C\]' twice"):
        one(f"TIMESTAMP,T [°C],T [°C]\n{T},1,2\n")


@pytest.mark.parametrize("body", [b"\xff\xfeT\0", b"TIMESTAMP,T\n1,\xe4\n"])
def test_a_file_that_is_not_utf_8_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError, match="UTF-8"):
        one(body)


def test_a_byte_that_is_no_utf_8_is_named_with_its_line_and_column() -> None:
    with pytest.raises(PayloadUnreadableError, match=r"byte 0xE4 in line 3, column 4.*B1\.csv"):
        one("TIMESTAMP,Ü\r\n1,ä\r\n2,x".encode() + b"\xe4\n")
    many = f"TIMESTAMP,T [°C]\n{T},1\n" + f"{T},ä\n" * 200_000
    with pytest.raises(PayloadUnreadableError, match=r"byte 0xFF in line 200,003, column 3"):
        one(many.encode() + b"17\xff")
    with pytest.raises(PayloadUnreadableError, match="UTF-16"):
        one("TIMESTAMP\tT [°C]\n".encode("utf-16"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("note", ["on", '"on, ""now"""'])
def test_lines_may_end_in_any_way(end: str, note: str) -> None:
    text = end.join(["TIMESTAMP,T [°C],Note", f"{T},1,{note}", f"{T + 1},2,off", ""])
    found = one(text)
    assert found.measurements["value"].tolist() == [1.0, 2.0]
    assert found.states["value"].tolist() == ["on" if note == "on" else 'on, "now"', "off"]


@pytest.mark.parametrize("note", ["on", '"on"'])
def test_a_blank_behind_every_separator_belongs_to_no_name_and_no_cell(note: str) -> None:
    found = one(f"TIMESTAMP, T [°C], Note\n{T}, 5, {note}\n")
    assert values(found) == [("B1/Note", 0, "on"), ("B1/T [°C]", 0, 5.0)]
    assert values(one(f"TIMESTAMP,\u00a0T [°C] ,Note\n{T},5, x\n")) == [("B1/Note", 0, " x"), ("B1/T [°C]", 0, 5.0)]


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(PayloadUnreadableError, match="longer"):
        one("TIMESTAMP,T [°C]\n" + "1" * (3 * 2**20))


@pytest.mark.parametrize("text", ["TIMESTAMP,T [°C]\n", "TIMESTAMP,T [°C]", "TIMESTAMP\n", ""])
def test_a_file_without_rows_says_nothing(text: str) -> None:
    found = one(text)
    assert found.n_received == 0


def test_an_empty_archive_says_nothing() -> None:
    assert said().n_received == 0


@pytest.mark.parametrize("name", ["readme.txt", "inner.zip", ".csv", "x" * 300 + ".csv"])
def test_a_file_that_is_no_things_csv_is_refused(name: str) -> None:
    with pytest.raises(PayloadUnreadableError, match="no CSV of a thing"):
        said((name, "TIMESTAMP\n"))


def test_a_thing_that_was_asked_for_by_id_is_known_by_it_and_not_by_its_file() -> None:
    found = said(("whatever.csv", f"TIMESTAMP,T [°C]\n{T},1\n"), thingId="66b1")
    assert values(found) == [("66b1/T [°C]", 0, 1.0)]
    with pytest.raises(PayloadUnreadableError, match="2 files"):
        said(("a.csv", "TIMESTAMP\n"), ("b.csv", "TIMESTAMP\n"), thingId="66b1")


def test_things_and_metrics_with_slashes_never_make_one_key() -> None:
    found = said(("a/b.csv", f"TIMESTAMP,c [V]\n{T},1\n"), ("a.csv", f"TIMESTAMP,b/c [V]\n{T},2\n"))
    assert [key for key, _, _ in values(found)] == ["a%2Fb/c [V]", "a/b%2Fc [V]"]


def test_rows_that_nobody_asked_for_are_refused_but_for_the_very_end() -> None:
    end = T + 86_400_000
    assert values(one(f"TIMESTAMP,T [°C]\n{T},1\n{end},2\n")) == [("B1/T [°C]", 0, 1.0)]
    for stray in (end + 3_600_001, T - 3_600_001):
        with pytest.raises(OutsideWindowError):
            one(f"TIMESTAMP,T [°C]\n{stray},1\n")


def test_a_nul_in_a_text_is_rejected_and_costs_no_other_row() -> None:
    found = one(f"TIMESTAMP,Note\n{T},a\0b\n{T + 1},c\n")
    assert reasons(found) == ["not_storable_text"]
    assert found.states["value"].tolist() == ["c"]


def test_rows_in_any_order_mean_the_same() -> None:
    rows = [f"{T + minute * 60_000},{minute}" for minute in range(1440)]
    forth = one("TIMESTAMP,P [W]\n" + "\n".join(rows))
    back = one("TIMESTAMP,P [W]\n" + "\n".join(reversed(rows)))
    assert values(forth) == values(back)


def test_many_small_files_make_few_batches() -> None:
    files = [(f"B{number}.csv", f"TIMESTAMP,P [W]\n{T},{number}\n") for number in range(3000)]
    batches = list(normalize([answer(zipped(files), DAY)], DAY, ACCOUNT))
    assert len(batches) <= 3
    assert sum(len(batch.measurements) for batch in batches) == 3000


def test_received_in_the_past_a_clock_may_be_a_quarter_of_an_hour_ahead() -> None:
    payload = replace(
        answer(zipped([("B1.csv", f"TIMESTAMP,T [°C]\n{T + 600_000},1\n{T + 1_200_000},2\n")]), DAY),
        received_at=datetime(2025, 6, 1, tzinfo=UTC),
    )
    found = concat(normalize([payload], DAY, ACCOUNT))
    assert len(found.measurements) == 1
    assert reasons(found) == ["implausible_time"]


def test_a_value_that_did_not_change_has_no_row_and_none_is_invented() -> None:
    """Samples are kept on change alone: hours without a row, a zero that stays away, and nothing in between."""
    found = one(f"TIMESTAMP,T [°C],U [V]\n{T},20,230\n{T + 36_000_000},,231\n{T + 72_000_000},20.5,\n")
    assert values(found) == [
        ("B1/T [°C]", 0, 20.0),
        ("B1/T [°C]", 72_000_000, 20.5),
        ("B1/U [V]", 0, 230.0),
        ("B1/U [V]", 36_000_000, 231.0),
    ]
    assert all(series.resolution is None for series in found.series)


def test_metrics_are_named_in_any_language_with_spaces() -> None:
    found = one(f"TIMESTAMP,Pressione impianto [bar],Außentemperatur [°C],室温 [°C]\n{T},1.5,-3,21\n")
    assert values(found) == [
        ("B1/Außentemperatur [°C]", 0, -3.0),
        ("B1/Pressione impianto [bar]", 0, 150_000.0),
        ("B1/室温 [°C]", 0, 21.0),
    ]


def test_things_are_named_after_files_in_any_script_and_two_that_are_not_told_apart_are_refused() -> None:
    found = said(("HM-1_Kessel Süd.csv", f"TIMESTAMP,T [°C]\n{T},1\n"), ("ボイラー.csv", f"TIMESTAMP,T [°C]\n{T},2\n"))
    assert [key for key, _, _ in values(found)] == ["HM-1_Kessel Süd/T [°C]", "ボイラー/T [°C]"]
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped([("B.csv", "TIMESTAMP\n"), ("B.csv", "TIMESTAMP\n")])
    with pytest.raises(PayloadUnreadableError, match=r"two members called 'B\.csv'"):
        list(normalize([answer(twice, DAY)], DAY, ACCOUNT))
