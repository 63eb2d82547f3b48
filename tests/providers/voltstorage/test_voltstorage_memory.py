"""A day of a row a second streams: what a CSV takes beside its own bytes does not grow with it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.errors import PayloadUnreadableError
from domain.records import Payload
from domain.window import Window
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.csv_export import read_csv
from providers.voltstorage.normalize import normalize
from tests.fakes.forked import together
from tests.fakes.memory import rise_of

MEBIBYTE = 2**20
DAY = Window.of_day(date(2025, 6, 1))
ACCOUNT = AccountConfig()
MOST = 64 * MEBIBYTE
N_ROWS = 86_400


def _body(n_columns: int, *, is_quoted: bool = False) -> bytes:
    """A day of a row a second: one column with a meaning, the others without."""
    names = ",".join(["Time", "Power_PV", *(f"F{number}" for number in range(n_columns - 1))])
    first = '"x"' if is_quoted else "1.5"
    rows = (
        f"{DAY.start + timedelta(seconds=second):%FT%T}.562Z,{first}" + f",{second * 1.37:.5f}" * (n_columns - 1)
        for second in range(N_ROWS)
    )
    return "\r\n".join(["sep=,", names, *rows, ""]).encode()


def _risen(body: bytes) -> int:
    payload = Payload(
        ACCOUNT.paths.export, {"productId": "77", "format": "csv"}, DAY, "77/export", 1,
        datetime(2026, 1, 1, tzinfo=UTC), "text/csv", body, "test",
    )  # fmt: skip
    n_points: list[int] = []
    risen = rise_of(lambda: n_points.extend(batch.n_received for batch in normalize([payload], DAY, ACCOUNT)))
    assert sum(n_points) == N_ROWS
    return risen


@pytest.mark.parametrize("is_quoted", [False, True])
def test_a_wide_day_takes_no_more_than_a_batch_beside_its_bytes(*, is_quoted: bool) -> None:
    body = _body(40, is_quoted=is_quoted)
    assert len(body) > 36 * MEBIBYTE
    (risen,) = together([lambda: _risen(body)])
    assert risen <= MOST, f"{risen / MEBIBYTE:.0f} MiB"


def _json_body(shape: str, n_rows: int = N_ROWS) -> bytes:
    """The same as records, or as fields and data: half a million points."""
    times = [f"{DAY.start + timedelta(seconds=second):%FT%T}.562Z" for second in range(n_rows)]
    names = [f"Power_PV_{number}" for number in range(5)]
    if shape == "records":
        values = ",".join(f'"{name}":1234.56789' for name in names)
        return ("[" + ",\n".join(f'{{"Time":"{time}",{values}}}' for time in times) + "]").encode()
    fields = ",".join(f'"{name}"' for name in ("Time", *names))
    rows = ",".join(f'["{time}",1234.56789,2345.67891,3456.78912,4567.89123,5678.91234]' for time in times)
    return f'{{"fields":[{fields}],"data":[{rows}]}}'.encode()


@pytest.mark.parametrize("shape", ["records", "columns"])
def test_a_large_day_of_json_takes_half_its_bytes_beside_them(shape: str) -> None:
    """What is held as objects is a piece of it, where the whole is some times as large as its text."""
    body = _json_body(shape)

    def read(body: bytes) -> None:
        payload = Payload(
            ACCOUNT.paths.export, {"productId": "77", "format": "json"}, DAY, "77/export", 1,
            datetime(2026, 1, 1, tzinfo=UTC), "application/json", body, "test",
        )  # fmt: skip
        batches = normalize([payload], DAY, ACCOUNT)
        n_values.append(sum(batch.n_received + sum(batch.unmapped.values()) for batch in batches))

    def risen() -> int:
        read(_json_body(shape, 5_000))  # what is taken only once
        taken = rise_of(lambda: read(body))
        assert n_values == [25_000, 5 * N_ROWS]
        return taken

    n_values: list[int] = []
    (taken,) = together([risen])
    assert taken < len(body) / 2, f"{taken / len(body):.2f} of the body"


@pytest.mark.parametrize("length", [0, 1, 2**20 - 70, 2**20 - 20, 2**20 - 19, 2**20])
def test_a_byte_that_is_no_text_is_named_wherever_it_is(length: int) -> None:
    """Also where a character is cut by the pieces in which the body is looked at."""
    whole = b"Time,P\r\n2025-06-01T00:00:00Z," + b"1" * length + "ü".encode()
    with pytest.raises(PayloadUnreadableError, match=rf"not UTF-8 \(byte {len(whole)}\)"):
        list(read_csv(whole + b"\xff\r\n", place="test"))
    with pytest.raises(PayloadUnreadableError, match=rf"not UTF-8 \(byte {len(whole) - 2}\)"):
        list(read_csv(whole[:-1] + b"\r\n", place="test"))
    assert [rows.times for rows in read_csv(whole + b"\r\n", place="test")] == [["2025-06-01T00:00:00Z"]]


def test_a_line_end_inside_of_quotes_is_a_line_end_of_the_cell() -> None:
    [rows] = read_csv(b'Time,S\r\n2025-06-01T00:00:00Z,"a\r\nb"\r\n2025-06-01T00:00:01Z,c\r\n', place="test")
    assert rows.columns["S"] == ["a\nb", "c"]
