"""What a load refuses, and that the partition is then what it was before."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from assets import steps
from domain.errors import (
    AccountingError,
    IngestError,
    NormalizationError,
    OutsidePartitionError,
    PayloadMissingError,
    PayloadUnreadableError,
    RowsRefusedError,
    ShrinkRefusedError,
    StaleLoadError,
    TooManyRejectedError,
    WarehouseUnavailableError,
)
from domain.measurement import Normalized
from domain.records import Series
from domain.window import Window
from tests.fakes.points import DAY, Said, at, batch, landed, load, table
from tests.fakes.provider import FakeProvider
from warehouse import load as load_module
from warehouse import partition
from warehouse.copy_binary import MeasurementEncoder
from warehouse.store import TimescaleWarehouse, open_warehouse

TEN: Said = {("a", minute): float(minute) for minute in range(9)} | {("m", 0): "on"}


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    """Ten points are loaded."""
    with open_warehouse(database, tmp_path / "landing") as opened:
        load(opened, TEN)
        yield opened


def _assert_untouched(warehouse: TimescaleWarehouse, code: str) -> None:
    assert table(warehouse) == TEN
    assert warehouse.reading.revisions("hub", DAY).empty
    last = warehouse.ledger.entries("hub", DAY)[-1]
    assert (last.status, last.reason, last.n_written) == ("failed", code, 0)


@pytest.mark.parametrize("n_left", [0, 1, 7])
def test_a_load_that_loses_over_a_fifth_is_refused(warehouse: TimescaleWarehouse, n_left: int) -> None:
    culprit = rf"^{n_left} points would replace 10, of which {10 - n_left} would vanish "

    with pytest.raises(ShrinkRefusedError, match=culprit):
        load(warehouse, dict(list(TEN.items())[:n_left]))

    _assert_untouched(warehouse, "shrink_refused")


def test_a_load_that_loses_a_fifth_is_not(warehouse: TimescaleWarehouse) -> None:
    assert load(warehouse, dict(list(TEN.items())[2:])).n_removed == 2


def _others(n: int) -> Said:
    """Points of a new series, and of a known one at new instants."""
    return {("b", minute): 1.0 for minute in range(n // 2)} | {("a", 60 + minute): 1.0 for minute in range(n - n // 2)}


@pytest.mark.parametrize(("n_kept", "n_new"), [(0, 10), (0, 30), (7, 3)])
def test_other_points_do_not_hide_that_the_held_ones_vanish(
    warehouse: TimescaleWarehouse, n_kept: int, n_new: int
) -> None:
    with pytest.raises(ShrinkRefusedError, match=rf"would replace 10, of which {10 - n_kept} would vanish"):
        load(warehouse, {**dict(list(TEN.items())[:n_kept]), **_others(n_new)})

    _assert_untouched(warehouse, "shrink_refused")


def test_a_correction_may_replace_every_point(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, _others(10), is_correction=True)

    assert (report.n_removed, report.n_inserted, table(warehouse)) == (10, 10, _others(10))


def test_changed_values_are_not_losses(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, {key: 99.0 + value if isinstance(value, float) else "off" for key, value in TEN.items()})

    assert (report.n_changed, report.n_removed) == (10, 0)


def test_a_correction_may_shrink_to_nothing(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, {}, is_correction=True)

    assert (report.n_removed, table(warehouse)) == (10, {})
    assert warehouse.ledger.entries("hub", DAY)[-1].is_correction


@pytest.mark.parametrize("instant", [DAY.start - timedelta(microseconds=1), DAY.end, at(0).replace(year=1970), pd.NaT])
def test_a_point_outside_of_the_window_fails_the_load(warehouse: TimescaleWarehouse, instant: Any) -> None:
    strayed = batch({("a", 0): 1.0, ("a", 1): 2.0})
    strayed.measurements.loc[1, "measured_at"] = instant

    with pytest.raises(OutsidePartitionError, match="1 points lie outside"):
        load(warehouse, strayed)

    _assert_untouched(warehouse, "outside_partition")


def test_a_pull_of_another_source_or_window_is_never_loaded(warehouse: TimescaleWarehouse) -> None:
    other = landed(warehouse, source="other")
    earlier = landed(warehouse, window=Window.of_day(date(2026, 3, 28)))

    for pull in (other, earlier):
        with pytest.raises(OutsidePartitionError, match="not a complete pull of this source"):
            warehouse.load("hub", DAY, pull, [batch(TEN)])

    _assert_untouched(warehouse, "outside_partition")


def test_a_pull_that_does_not_exist_is_never_loaded(warehouse: TimescaleWarehouse) -> None:
    pull = landed(warehouse)
    pull.pull_id = 10**9

    with pytest.raises(PayloadMissingError):
        warehouse.load("hub", DAY, pull, [batch(TEN)])

    _assert_untouched(warehouse, "payload_missing")


def test_an_older_pull_is_refused_once_a_newer_one_is_loaded(warehouse: TimescaleWarehouse) -> None:
    older = landed(warehouse)
    load(warehouse, TEN)

    with pytest.raises(StaleLoadError):
        warehouse.load("hub", DAY, older, [batch({("a", 0): 99.0})], is_correction=True)

    _assert_untouched(warehouse, "stale_load")
    assert [day.status for day in warehouse.ledger.days("hub")] == ["loaded"]


def test_an_older_pull_of_a_wider_window_is_refused_too(warehouse: TimescaleWarehouse) -> None:
    week = Window.of_days(date(2026, 3, 25), date(2026, 3, 31))
    older = landed(warehouse, window=week)
    load(warehouse, TEN)

    with pytest.raises(StaleLoadError):
        warehouse.load("hub", week, older, [batch({("a", 0): 99.0})], is_correction=True)


def test_too_many_rejected_rows_fail_the_load_and_are_kept(warehouse: TimescaleWarehouse) -> None:
    rejected = [(f"row {n}", "wrong_type", "ab" * 32) for n in range(101)]

    with pytest.raises(TooManyRejectedError, match=r"101 of 111 rows were rejected \(101 wrong_type\), 100 are"):
        load(warehouse, batch(TEN, rejected=rejected))

    _assert_untouched(warehouse, "too_many_rejected")
    assert len(warehouse.reading.rejected("hub", DAY)) == 101
    assert warehouse.ledger.entries("hub", DAY)[-1].rejected_by_reason == {"wrong_type": 101}


def test_a_hundred_rejected_rows_are_allowed(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, batch(TEN, rejected=[(f"row {n}", "wrong_type", "") for n in range(100)]))

    assert (report.n_rejected, report.n_unchanged) == (100, 10)


def test_more_rejected_rows_than_can_be_kept_fail_however_large_the_load(warehouse: TimescaleWarehouse) -> None:
    rejected = [(f"row {n}", "wrong_type", "") for n in range(10_001)]

    with pytest.raises(TooManyRejectedError):
        load(warehouse, batch(TEN, rejected=rejected, n_duplicates=20_000_000))


def test_a_value_that_is_not_finite_is_our_bug(warehouse: TimescaleWarehouse) -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(NormalizationError, match="not a finite number"):
            load(warehouse, {("a", 0): value})

    _assert_untouched(warehouse, "normalization")


def test_a_series_that_changes_its_quantity_is_refused(warehouse: TimescaleWarehouse) -> None:
    said = batch(TEN)
    energy = tuple(Series(one.key, "energy" if one.key == "a" else "state", one.device) for one in said.series)
    changed = Normalized(series=energy, measurements=said.measurements, states=said.states)

    with pytest.raises(RowsRefusedError, match="'a' is power in the catalogue and energy in the payloads"):
        load(warehouse, changed)

    _assert_untouched(warehouse, "rows_refused")


def test_an_error_of_the_normalizer_is_in_the_ledger_with_what_was_rejected_until_then(
    warehouse: TimescaleWarehouse,
) -> None:
    def broken() -> Iterator[Normalized]:
        yield batch({("a", 0): 5.0}, rejected=[("{}", "no_time", "")])
        raise PayloadUnreadableError("page 2 is not JSON", place="hub", fix="look at it")

    with pytest.raises(PayloadUnreadableError):
        warehouse.load("hub", DAY, landed(warehouse), broken())

    _assert_untouched(warehouse, "payload_unreadable")
    assert warehouse.ledger.entries("hub", DAY)[-1].sentence == "page 2 is not JSON (hub): look at it."
    assert list(warehouse.reading.rejected("hub", DAY)["reason"]) == ["no_time"]


def _unknown_reason() -> Iterator[Normalized]:
    yield batch(TEN, rejected=[("{}", "no_time", "")])
    yield batch(TEN, rejected=[("{}", "no such reason", "")])


def _pandas_error() -> Iterator[Normalized]:
    yield batch(TEN, rejected=[("{}", "no_time", "")])
    pd.to_datetime(pd.Series(["12:00 \x00 o'clock\n" * 100]), format="ISO8601")


@pytest.mark.parametrize(
    ("broken", "why"),
    [(_unknown_reason, "ValueError .*: 'no such reason' is not a valid Reason"), (_pandas_error, "ParserError|Value")],
)
def test_an_error_that_is_not_of_the_house_is_a_failed_normalization(
    warehouse: TimescaleWarehouse, broken: Callable[[], Iterator[Normalized]], why: str
) -> None:
    with pytest.raises(NormalizationError, match=why) as caught:
        warehouse.load("hub", DAY, landed(warehouse), broken())

    _assert_untouched(warehouse, "normalization")
    assert isinstance(caught.value.__cause__, ValueError)
    assert not hasattr(caught.value, "__notes__")
    assert len(str(caught.value)) < 500
    assert list(warehouse.reading.rejected("hub", DAY)["reason"]) == ["no_time"]


class _Eager(FakeProvider):
    """Its `normalize` is no generator: it fails when it is called."""

    def normalize(self, *_: object, **__: object) -> Iterator[Normalized]:
        raise ZeroDivisionError


def test_a_normalizer_that_fails_before_its_first_batch_is_in_the_ledger_too(warehouse: TimescaleWarehouse) -> None:
    landed(warehouse)

    with pytest.raises(NormalizationError, match="ZeroDivisionError while the payloads were normalized"):
        steps.load(_Eager({}), warehouse, "hub", DAY)

    _assert_untouched(warehouse, "normalization")


def test_an_error_of_neither_kind_inside_the_transaction_is_a_failed_load_of_ours(
    warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> partition.Written:
        raise ZeroDivisionError("by\0nothing")

    monkeypatch.setattr(load_module, "_write", broken)
    with pytest.raises(RowsRefusedError, match="ZeroDivisionError while the points were written: ") as caught:
        load(warehouse, {})

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert not hasattr(caught.value, "__notes__")
    monkeypatch.undo()
    _assert_untouched(warehouse, "rows_refused")


def test_running_out_of_memory_is_not_called_a_bug_of_the_normalizer(warehouse: TimescaleWarehouse) -> None:
    def greedy() -> Iterator[Normalized]:
        yield batch(TEN)
        raise MemoryError

    with pytest.raises(MemoryError):
        warehouse.load("hub", DAY, landed(warehouse), greedy())

    assert table(warehouse) == TEN


def test_a_failure_before_the_load_can_be_told_to_the_ledger(warehouse: TimescaleWarehouse) -> None:
    warehouse.record_failure("hub", DAY, PayloadUnreadableError("a login page", place="hub", fix="look at it"))

    (day,) = warehouse.ledger.days("hub")
    assert (day.status, day.reason, day.n_points) == ("failed", "payload_unreadable", 10)


def _drop_last_row(self: MeasurementEncoder, *columns: Any) -> memoryview:
    return _ENCODE(self, *columns)[:-34]


def _remove_nothing(*_: object) -> int:
    return 0


_ENCODE = MeasurementEncoder.encode


def _count_one_more(connection: Any, assignment: Any, buffer: Any, load_id: int) -> partition.Written:
    buffer.n_received += 1
    return _WRITE(connection, assignment, buffer, load_id)


_WRITE = load_module._write


@pytest.mark.parametrize(
    ("owner", "name", "mutant"),
    [
        (MeasurementEncoder, "encode", _drop_last_row),
        (partition.Partition, "_remove", _remove_nothing),
        (partition.Partition, "_change", _remove_nothing),
        (load_module, "_write", _count_one_more),
    ],
    ids=["a row is dropped on the way", "nothing is removed", "nothing is changed", "a received row is forgotten"],
)
def test_a_loader_that_miscounts_is_caught_before_it_commits(
    warehouse: TimescaleWarehouse,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    mutant: Callable[..., object],
) -> None:
    second = {key: value for key, value in TEN.items() if key != ("a", 0)} | {("a", 1): 70.0, ("a", 60): 6.0}
    monkeypatch.setattr(owner, name, mutant)

    with pytest.raises(AccountingError):
        load(warehouse, second)

    monkeypatch.undo()
    _assert_untouched(warehouse, "accounting")


def test_the_table_refuses_a_ledger_row_that_does_not_add_up(warehouse: TimescaleWarehouse, database: str) -> None:
    with (
        psycopg.connect(database) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="ck_load_accounting"),
    ):
        connection.execute("UPDATE load SET n_received = n_received + 1 WHERE load_id = 1")
    assert table(warehouse) == TEN


def test_a_deadlock_is_tried_again_and_reported_if_it_stays(
    warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def deadlocked(connection: psycopg.Connection, *_: object) -> None:
        tries.append(1)
        connection.execute("DO $$ BEGIN RAISE EXCEPTION 'victim' USING ERRCODE = '40P01'; END $$")

    monkeypatch.setattr(load_module, "_fence", deadlocked)
    with pytest.raises(WarehouseUnavailableError) as caught:
        load(warehouse, TEN)

    assert (len(tries), caught.value.retryable) == (3, True)
    monkeypatch.undo()
    _assert_untouched(warehouse, "warehouse_unavailable")


def test_a_commit_whose_reply_is_lost_is_a_load_of_nothing_next_time(
    warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server commits, and the connection breaks before the answer: outcome unknown."""
    second = {**TEN, ("a", 3): 33.0}
    pull = landed(warehouse)
    enter = load_module._enter
    wait = psycopg.Connection.wait

    def lost(connection: psycopg.Connection, *arguments: Any) -> None:
        enter(connection, *arguments)
        monkeypatch.setattr(psycopg.Connection, "wait", answer_lost)

    def answer_lost(self: psycopg.Connection, *arguments: Any, **named: Any) -> Any:
        wait(self, *arguments, **named)
        monkeypatch.setattr(psycopg.Connection, "wait", wait)
        msg = "server closed the connection unexpectedly"
        raise psycopg.OperationalError(msg)

    monkeypatch.setattr(load_module, "_enter", lost)
    with pytest.raises(WarehouseUnavailableError):
        warehouse.load("hub", DAY, pull, [batch(second)])
    monkeypatch.undo()

    assert table(warehouse) == second
    again = warehouse.load("hub", DAY, pull, [batch(second)])
    assert (again.n_written, again.n_unchanged) == (0, 10)


def test_every_refusal_names_the_source_and_the_day(warehouse: TimescaleWarehouse) -> None:
    with pytest.raises(IngestError) as caught:
        load(warehouse, {})

    assert re.search(r"\(hub, 2026-03-29\): .+\.$", str(caught.value))
