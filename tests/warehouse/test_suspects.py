"""Suspect days: found whatever the order of loads, asked for again; cleared by data, repetition or a person."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

import psycopg
import pytest

from domain.suspect_refetch import REFETCHED_AFTER
from domain.window import Window
from tests.fakes.points import Said, load
from warehouse.assessment import assess
from warehouse.connections import Connections
from warehouse.ledger import DayStatus
from warehouse.statements import script
from warehouse.store import TimescaleWarehouse

FIRST = date(2026, 3, 1)
FULL: Said = {(key, 60 * hour): 1.0 for key in "abc" for hour in range(24)}
EMPTY: Mapping[int, Said] = {3: {}, 4: {}}


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def loaded(
    warehouse: TimescaleWarehouse, numbers: Sequence[int], lacking: Mapping[int, Said], source: str = "hub"
) -> None:
    for n in numbers:
        load(warehouse, lacking.get(n, FULL), source, Window.of_day(day(n)))


def suspect(warehouse: TimescaleWarehouse, source: str = "hub") -> dict[int, str]:
    """Number of the day → reason."""
    days = warehouse.ledger.days(source)
    return {(one.day - FIRST).days: one.suspect.reason for one in days if one.suspect}


def status(warehouse: TimescaleWarehouse, n: int) -> DayStatus:
    [found] = [one for one in warehouse.ledger.days("hub") if one.day == day(n)]
    return found


def asked_at(database: str, instants: Sequence[datetime]) -> None:
    """Say when the pulls of the newest loads were begun, the oldest first."""
    with psycopg.connect(database) as connection:
        pulls = connection.execute(
            "SELECT pull_id FROM pull ORDER BY pull_id DESC LIMIT %s", [len(instants)]
        ).fetchall()
        for (pull_id,), at in zip(reversed(pulls), instants, strict=True):
            connection.execute("UPDATE pull SET started_at = %s WHERE pull_id = %s", [at, pull_id])


def test_the_same_days_are_suspect_in_whatever_order_they_were_loaded(warehouse: TimescaleWarehouse) -> None:
    both = dict.fromkeys((3, 4), "0 points where 72 are usual")
    loaded(warehouse, range(7), EMPTY)
    assert suspect(warehouse) == both
    for n in reversed(range(7)):
        loaded(warehouse, [n], EMPTY, "late")
        suspect(warehouse, "late")
    assert suspect(warehouse, "late") == both
    loaded(warehouse, [4, 0, 6, 2, 5, 3, 1], EMPTY, "mixed")
    assert suspect(warehouse, "mixed") == both


def test_series_that_lack_on_a_day_are_named(warehouse: TimescaleWarehouse) -> None:
    part = {key: value for key, value in FULL.items() if key[0] == "c" or (key[1] < 60 * 5 and key[0] == "a")}
    loaded(warehouse, range(5), {2: part})
    assert suspect(warehouse) == {2: "29 points where 72 are usual"}
    loaded(warehouse, [2], {2: part | {("b", 60 * hour): 1.0 for hour in range(7)}})
    assert suspect(warehouse) == {
        2: "2 series have less than half of the usual points: a (5 of 24), b (7 of 24)",
    }


def test_most_of_a_day_that_is_missing_is_suspect_where_no_day_has_as_many_points_as_another(
    warehouse: TimescaleWarehouse,
) -> None:
    lost = (2, 9, 5, 14, 7, 11, 3, 8)  # polls
    polls: dict[int, Said] = {
        n: {("a", 10 * at): 1.0 for at in range(144) if at * 37 % 144 >= lost[n]} for n in range(len(lost))
    }
    assert len({len(said) for said in polls.values()}) == len(lost)
    polls[6] = {key: value for key, value in polls[6].items() if key[1] > 1100}
    loaded(warehouse, range(8), polls)
    [(number, reason)] = suspect(warehouse).items()
    assert number == 6
    assert reason.startswith(f"{len(polls[6])} points where 1")


def test_data_that_come_clear_a_day_and_what_vanishes_by_a_correction_makes_it_suspect(
    warehouse: TimescaleWarehouse,
) -> None:
    loaded(warehouse, range(6), EMPTY)
    loaded(warehouse, [3], {})
    assert set(suspect(warehouse)) == {4}
    loaded(warehouse, [4], {})
    assert suspect(warehouse) == {}
    load(warehouse, {}, window=Window.of_day(day(4)), is_correction=True)
    assert set(suspect(warehouse)) == {4}


def test_a_source_without_history_has_no_suspect_day(warehouse: TimescaleWarehouse) -> None:
    few: Said = dict(list(FULL.items())[:5])
    loaded(warehouse, range(5), {0: {}, 1: {}, 2: few})
    assert suspect(warehouse) == {}


def test_an_answer_that_came_five_times_more_is_believed(database: str, warehouse: TimescaleWarehouse) -> None:
    loaded(warehouse, range(6), {3: {}})
    start = datetime(2026, 3, 5, 5, tzinfo=UTC)
    answers = [start + timedelta(days=n) for n in (0, *REFETCHED_AFTER)]
    for n, pause in enumerate(REFETCHED_AFTER):
        found = status(warehouse, 3).suspect
        assert found is not None
        loaded(warehouse, [3], {3: {}})
        asked_at(database, answers[n + 1 : n + 2])
        if not n:
            with psycopg.connect(database) as connection:
                connection.execute("UPDATE pull SET started_at = %s WHERE started_at > now() - interval '1 h'", [start])
        still = status(warehouse, 3).suspect
        assert (still is None) == (pause == REFETCHED_AFTER[-1])
    assert status(warehouse, 3).n_points == 0


def test_an_answer_that_says_something_else_begins_anew(database: str, warehouse: TimescaleWarehouse) -> None:
    loaded(warehouse, [0, 1, 2, 4, 5], {})
    start = datetime(2026, 3, 5, 5, tzinfo=UTC)
    for n in (0, 1, 3, 7, 14):
        loaded(warehouse, [3], {3: {}})
        asked_at(database, [start + timedelta(days=n)])
    found = status(warehouse, 3).suspect
    assert found is not None
    assert found.next_day == date(2026, 4, 4)
    loaded(warehouse, [3], {3: {("a", 0): 1.0}})
    asked_at(database, [start + timedelta(days=30)])
    found = status(warehouse, 3).suspect
    assert found is not None
    assert (found.reason, found.next_day) == ("1 points where 72 are usual", date(2026, 4, 5))


def test_a_person_confirms_a_day_until_its_data_come(warehouse: TimescaleWarehouse) -> None:
    loaded(warehouse, range(6), EMPTY)
    assert warehouse.ledger.suspects.confirm("hub", day(3))
    assert set(suspect(warehouse)) == {4}
    loaded(warehouse, [2, 3], EMPTY)
    assert set(suspect(warehouse)) == {4}
    assert not warehouse.ledger.suspects.confirm("hub", day(3))
    assert not warehouse.ledger.suspects.confirm("hub", day(0))
    assert not warehouse.ledger.suspects.confirm("hub", day(99))


def test_a_suspect_day_is_due_from_its_day_on_and_rests_after_a_try(
    database: str, warehouse: TimescaleWarehouse
) -> None:
    loaded(warehouse, range(6), {3: {}})
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE pull SET started_at = window_end + interval '30 h'")

    def due(as_of: datetime, rest: timedelta = timedelta(hours=20)) -> list[date]:
        return warehouse.ledger.due_days(
            "hub",
            Window.of_days(day(0), day(5)),
            finalization_lag=timedelta(hours=24),
            as_of=as_of,
            untried_since=as_of - rest,
            n_newest=9,
            n_others=9,
        )

    answered = Window.of_day(day(5)).start + timedelta(hours=6)
    assert due(answered) == []
    assert due(Window.of_day(day(6)).start - timedelta(seconds=1)) == []
    assert due(Window.of_day(day(6)).start + timedelta(hours=4)) == [day(3)]
    assert due(Window.of_day(day(6)).start + timedelta(hours=4), timedelta(days=3)) == []


def test_a_day_is_suspect_once_its_points_are_late_no_longer_and_no_more_once_a_device_is_known_dead(
    database: str, warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = {key: value for key, value in FULL.items() if key[0] != "b"}
    loaded(warehouse, range(12), dict.fromkeys((4, 5, 6, 9), without))
    loaded(warehouse, [4, 5, 6], {})
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE late_arrival SET late_seconds = 7 * 86400")
    noon = Window.of_day(day(12)).start + timedelta(hours=12)
    with monkeypatch.context() as patched:
        patched.setattr("warehouse.suspects.assess", partial(assess, now=noon))
        assert suspect(warehouse) == {}, "its points usually come within a week"

    warehouse.completeness.assess("hub", day(11), now=noon + timedelta(days=30))
    assert suspect(warehouse) == {9: "1 series has less than half of the usual points: b (0 of 24)"}

    warehouse.completeness.assess("hub", day(11), now=noon + timedelta(days=30), ended={"b": day(8)})
    assert suspect(warehouse) == {}


def test_a_day_that_a_load_is_at_is_judged_when_the_load_has_ended_and_stays_confirmed(
    database: str, warehouse: TimescaleWarehouse
) -> None:
    loaded(warehouse, range(7), EMPTY)
    with psycopg.connect(database) as connection:
        connection.execute(script("load/lock_day").encode(), {"source": "hub", "day": day(3)})
        assert set(suspect(warehouse)) == {4}
    assert set(suspect(warehouse)) == {3, 4}
    assert warehouse.ledger.suspects.confirm("hub", day(3))
    loaded(warehouse, [3], {3: {("a", 0): 1.0}})
    with psycopg.connect(database) as connection:
        connection.execute(script("load/lock_day").encode(), {"source": "hub", "day": day(3)})
        suspect(warehouse)
    assert set(suspect(warehouse)) == {4}


def test_a_day_that_is_loaded_while_days_are_judged_is_judged_the_next_time(
    warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(warehouse, range(7), {4: {}})

    def assess_and_load(connections: Connections, source: str, through: date | None) -> None:
        assess(connections, source, through)
        loaded(warehouse, [8, 7], {8: {}})

    with monkeypatch.context() as patched:
        patched.setattr("warehouse.suspects.assess", assess_and_load)
        assert set(suspect(warehouse)) == {4}
    assert set(suspect(warehouse)) == {4, 8}
