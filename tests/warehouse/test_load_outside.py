"""What was only sent along with an answer is counted, and costs no load.

Names of fields that nobody knows are the provider's own: what of them reaches the ledger has bounds.
"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pytest

from domain.errors import TooManyRejectedError
from domain.measurement import Normalized
from tests.fakes.points import DAY, Said, batch, landed, load
from warehouse.load_buffer import OTHER_NAMES
from warehouse.store import TimescaleWarehouse

TEN: Said = {("a", minute): float(minute) for minute in range(10)}


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


def _counted(warehouse: TimescaleWarehouse, *unmapped: Mapping[str, int]) -> Mapping[str, int]:
    """What the ledger says of a load with batches that left out `unmapped`."""
    batches: list[Normalized] = [batch({("a", number): 1.0}, unmapped=one) for number, one in enumerate(unmapped)]
    report = warehouse.load("hub", DAY, landed(warehouse), batches)
    [entry] = warehouse.ledger.entries("hub", DAY)
    assert entry.unmapped == report.unmapped
    return report.unmapped


def test_a_name_of_any_length_is_kept_by_its_beginning(warehouse: TimescaleWarehouse) -> None:
    long, longer, just = "n" * 300_000, "n" * 300_001, "j" * 256
    counted = _counted(warehouse, {long: 2, just: 1}, {longer: 3})
    assert counted == {"n" * 255 + "…": 5, just: 1}


def test_a_name_that_no_database_can_hold_is_written_with_escapes_within_the_same_length(
    warehouse: TimescaleWarehouse,
) -> None:
    [name] = _counted(warehouse, {"\ud800\x00" * 128: 7})
    assert name.startswith("\\ud800\\x00")
    assert len(name) == 256


def test_of_names_without_end_a_thousand_are_told_apart_and_every_value_is_counted(
    warehouse: TimescaleWarehouse,
) -> None:
    counted = _counted(warehouse, {f"x{number}": 2 for number in range(1_500)}, {"x7": 1, "y": 4})
    assert len(counted) == 1_001
    assert counted["x7"] == 3
    assert counted[OTHER_NAMES] == 2 * 500 + 4
