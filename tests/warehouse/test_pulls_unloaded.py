"""Which finished pulls still wait to be loaded: the newest, a moment old, of the same question, without an outcome."""

from datetime import date, timedelta

import psycopg
import pytest

from domain.errors import PayloadUnreadableError, ShrinkRefusedError
from domain.records import PullReport
from domain.window import Window
from tests.fakes.points import DAY, batch, payload
from warehouse.landed_pulls import TimescaleLandedPull
from warehouse.store import TimescaleWarehouse

WEEK = Window.of_days(date(2026, 3, 27), date(2026, 4, 2))
DAYS = [Window.of_day(day) for day in WEEK.days()]
OTHER_DAY = Window.of_day(date(2026, 3, 30))
WRONG = PayloadUnreadableError("it went wrong", place="here", fix="mend it")


def pulled(warehouse: TimescaleWarehouse, window: Window = DAY, *, said: bytes = b"{}", source: str = "hub") -> int:
    """A finished pull of two answers; its number."""
    pull = warehouse.begin_pull(source, window, fingerprint="one")
    pull.keep(payload(said, 1, "next", window=window))
    pull.keep(payload(said, 2, window=window))
    return pull.finish(n_requests=2).pull_id


def load(warehouse: TimescaleWarehouse, window: Window = DAY, read: TimescaleLandedPull | None = None) -> None:
    warehouse.load("hub", window, read or warehouse.payloads("hub", window), [batch({("a", 1): 1.0}, window)])


def unloaded(warehouse: TimescaleWarehouse, window: Window = DAY) -> PullReport | None:
    return warehouse.reuse_finished("hub", window, fingerprint="one")


def test_a_pull_without_an_outcome_is_unloaded_and_says_what_it_holds(warehouse: TimescaleWarehouse) -> None:
    number = pulled(warehouse)

    left = unloaded(warehouse)
    assert left is not None
    assert (left.pull_id, left.window, left.n_payloads, left.n_bytes) == (number, DAY, 2, 4)
    assert (left.n_requests, left.seconds, left.is_resumed, left.was_adopted) == (0, 0.0, False, True)
    assert left.age_seconds is not None
    assert 0 <= left.age_seconds < 60


def test_nothing_is_unloaded_where_nothing_was_finished(warehouse: TimescaleWarehouse) -> None:
    assert unloaded(warehouse) is None
    warehouse.begin_pull("hub", DAY, fingerprint="one").keep(payload(b"{}"))
    assert unloaded(warehouse) is None


def test_a_pull_that_was_loaded_is_not_unloaded(warehouse: TimescaleWarehouse) -> None:
    pulled(warehouse)
    load(warehouse)
    assert unloaded(warehouse) is None


def test_a_pull_whose_load_was_refused_is_asked_for_again(warehouse: TimescaleWarehouse) -> None:
    pulled(warehouse)
    warehouse.load("hub", DAY, warehouse.payloads("hub", DAY), [batch({("a", minute): 1.0 for minute in range(9)})])
    pulled(warehouse)
    assert unloaded(warehouse) is not None
    with pytest.raises(ShrinkRefusedError):
        load(warehouse)
    assert unloaded(warehouse) is None


def test_a_failure_before_any_load_counts_if_it_came_after_the_pull(warehouse: TimescaleWarehouse) -> None:
    warehouse.record_failure("hub", DAY, WRONG)
    pulled(warehouse)
    assert unloaded(warehouse) is not None
    warehouse.record_failure("hub", OTHER_DAY, WRONG)
    warehouse.record_failure("attic", DAY, WRONG)
    assert unloaded(warehouse) is not None
    warehouse.record_failure("hub", DAY, WRONG)
    assert unloaded(warehouse) is None


def test_what_became_of_an_older_pull_says_nothing_of_the_newer_one(warehouse: TimescaleWarehouse) -> None:
    """A slow process commits, and then fails to load, what it had read before the newer pull was finished."""
    pulled(warehouse)
    older = warehouse.payloads("hub", DAY)
    newer = pulled(warehouse)
    load(warehouse, DAY, older)
    with pytest.raises(ShrinkRefusedError):
        warehouse.load("hub", DAY, older, [])
    left = unloaded(warehouse)
    assert left is not None
    assert left.pull_id == newer


def test_a_pull_of_many_days_is_unloaded_until_each_of_them_has_an_outcome(warehouse: TimescaleWarehouse) -> None:
    pulled(warehouse, WEEK)
    for day in DAYS[:-2]:
        load(warehouse, day)
    warehouse.record_failure("hub", DAYS[-1], WRONG)
    assert unloaded(warehouse, WEEK) is not None
    load(warehouse, DAYS[-2])
    assert unloaded(warehouse, WEEK) is None


def test_a_pull_of_another_question_window_or_source_is_not_adopted(warehouse: TimescaleWarehouse) -> None:
    pulled(warehouse, WEEK)
    pulled(warehouse, source="attic")
    assert warehouse.reuse_finished("hub", WEEK, fingerprint="two") is None
    assert unloaded(warehouse) is None
    assert unloaded(warehouse, Window(WEEK.start - timedelta(days=1), WEEK.end)) is None
    assert unloaded(warehouse, WEEK) is not None


def test_a_pull_of_which_any_day_was_pulled_since_is_not_adopted(warehouse: TimescaleWarehouse) -> None:
    pulled(warehouse, WEEK)
    pulled(warehouse, Window.of_day(date(2026, 4, 3)))
    pulled(warehouse, WEEK, source="attic")
    assert unloaded(warehouse, WEEK) is not None
    pulled(warehouse, OTHER_DAY)
    assert unloaded(warehouse, WEEK) is None
    assert unloaded(warehouse, OTHER_DAY) is not None


@pytest.mark.parametrize(("age", "is_adopted"), [("59 minutes", True), ("61 minutes", False), ("-1 minute", False)])
def test_a_pull_is_adopted_for_an_hour_by_the_clock_of_the_database(
    warehouse: TimescaleWarehouse, database: str, age: str, *, is_adopted: bool
) -> None:
    pulled(warehouse)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE pull SET finished_at = finished_at - %s::interval", [age])
    left = unloaded(warehouse)
    assert (left is not None) == is_adopted
    if left is not None and left.age_seconds is not None:
        assert left.age_seconds // 60 == 59
