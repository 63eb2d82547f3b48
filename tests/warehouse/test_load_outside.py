"""What was only sent along with an answer is counted, and costs no load."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from domain.errors import TooManyRejectedError
from tests.fakes.points import DAY, Said, batch, load
from warehouse.store import TimescaleWarehouse, open_warehouse

TEN: Said = {("a", minute): float(minute) for minute in range(10)}


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    with open_warehouse(database, tmp_path / "landing") as opened:
        yield opened


def test_rows_that_were_only_sent_along_are_counted_and_exempt_from_the_threshold(
    warehouse: TimescaleWarehouse,
) -> None:
    along = [(f"row {n}", "outside", "") for n in range(500)]
    load(warehouse, TEN)
    report = load(warehouse, batch(TEN, rejected=along))
    assert report.rejected_by_reason == {"outside": 500}
    assert report.n_received == report.n_unchanged + report.n_rejected == 510
    assert len(warehouse.reading.rejected("hub", DAY)) == 500

    wrong = [(f"row {n}", "wrong_type", "") for n in range(101)]
    with pytest.raises(TooManyRejectedError, match=r"101 of 611 rows were rejected \(101 wrong_type\), 100 are"):
        load(warehouse, batch(TEN, rejected=along + wrong))


def test_an_answer_whose_times_are_all_off_is_refused_and_not_taken_for_rows_sent_along(
    warehouse: TimescaleWarehouse,
) -> None:
    """Minutes that are half an hour late: thirty of them lie behind the day, and the others at wrong instants."""
    late = pd.DataFrame(
        [(f"row {n}", "outside", "", "a") for n in range(29)], columns=["raw", "reason", "payload", "series"]
    )
    with pytest.raises(TooManyRejectedError, match="1 of 1 series have more: a clock or a time zone is off"):
        load(warehouse, replace(batch(TEN), rejected=late))

    assert load(warehouse, replace(batch(TEN), rejected=late.head(2))).n_inserted == 10
