"""One bucket per credential: never two requests too close, whoever sends them."""

import time
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from domain.errors import ConfigurationError, RateLimitedError
from tests.fakes.forked import ended, fork, together
from warehouse.budget import DatabaseBudget
from warehouse.store import open_warehouse

PER_SECOND = 10.0
EACH = 6


def test_four_processes_never_come_closer_than_the_limit_and_use_most_of_it(database: str) -> None:
    def take() -> list[float]:
        with DatabaseBudget(database, "client-1", PER_SECOND) as budget:
            taken = []
            for _ in range(EACH):
                slot = budget.take()
                taken.append(time.monotonic())
                budget.sent(slot)
            return taken

    instants = sorted(instant for taken in together([take] * 4) for instant in taken)

    gaps = [later - earlier for earlier, later in pairwise(instants)]
    # A place is a promise of the server's clock; what a process wakes up late is no longer the budget's.
    assert len(instants) == 4 * EACH
    assert instants[-1] - instants[0] >= (4 * EACH - 1) / PER_SECOND * 0.98
    assert sorted(gaps)[len(gaps) // 10] >= 0.7 / PER_SECOND


def next_at(database: str) -> float:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT extract(EPOCH FROM next_at)::float8 FROM budget").fetchone()
    assert row is not None
    return float(row[0])


def test_places_are_spaced_by_the_servers_clock_and_never_less_than_the_limit(database: str) -> None:
    after = []
    with DatabaseBudget(database, "client-1", 20.0) as budget:
        for _ in range(20):
            budget.take()
            after.append(next_at(database))

    gaps = [later - earlier for earlier, later in pairwise(after)]
    assert min(gaps) >= 1.04 / 20.0 - 1e-5


def test_an_unused_budget_saves_nothing_up(database: str) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    with DatabaseBudget(database, "client-1", 2.0, sleep=wait) as budget:
        budget.take()
        time.sleep(1.2)
        budget.take()
        assert waits == []
        budget.take()

    assert 0 < waits[0] <= 0.52


def test_a_late_answer_moves_the_next_place_because_its_request_may_have_been_late(database: str) -> None:
    with DatabaseBudget(database, "client-1", 0.5) as budget:
        place = budget.take()
        budget.sent(place)
        planned = next_at(database)
        budget.answered(place)
        assert next_at(database) == planned  # the answer came within what places lie farther apart
        time.sleep(0.3)
        budget.answered(place)
        moved = next_at(database) - planned
        assert 0.3 - 0.08 <= moved <= 0.5


def test_an_answer_that_takes_long_moves_the_next_place_by_a_quarter_at_most(database: str) -> None:
    with DatabaseBudget(database, "client-1", 5.0) as budget:
        place = budget.take()
        budget.sent(place)
        planned = next_at(database)
        time.sleep(0.4)
        budget.answered(place)
        assert next_at(database) - planned == pytest.approx(0.05, abs=1e-5)


def test_until_its_request_has_left_the_next_place_is_a_quarter_farther_away(database: str) -> None:
    with DatabaseBudget(database, "client-1", 0.5) as budget:
        place = budget.take()
        planned = next_at(database)
        budget.sent(place)
        assert planned - next_at(database) == pytest.approx(0.5, abs=1e-5)


def test_a_place_that_has_become_stale_is_renewed_and_taken_anew_where_the_next_one_is_gone(database: str) -> None:
    with DatabaseBudget(database, "client-1", 5.0) as budget, DatabaseBudget(database, "client-1", 5.0) as other:
        place = budget.take()
        planned = next_at(database)
        assert budget.renewed(place) == place
        assert next_at(database) == planned  # it may leave
        time.sleep(0.1)
        assert budget.renewed(place) == place
        assert next_at(database) >= planned + 0.1
        assert other.take() == place + 1
        assert budget.renewed(place) == place + 2


def test_a_stale_place_is_not_renewed_against_the_providers_word(database: str) -> None:
    with DatabaseBudget(database, "client-1", 100.0) as budget:
        place = budget.take()
        budget.postpone(3600.0)
        time.sleep(0.01)
        with pytest.raises(RateLimitedError):
            budget.renewed(place)


def test_the_answer_of_an_older_place_moves_nothing(database: str) -> None:
    with DatabaseBudget(database, "client-1", 100.0) as budget:
        older = budget.take()
        budget.take()
        planned = next_at(database)
        time.sleep(0.05)
        budget.answered(older)
        assert next_at(database) == planned


def test_an_answer_is_not_lost_because_the_warehouse_is_away(database: str) -> None:
    with DatabaseBudget(database, "client-1", 100.0) as budget:
        place = budget.take()
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'joulehouse' AND datname = current_database()"
            )
        budget.answered(place)
        budget.take()


def test_credentials_do_not_wait_for_each_other(database: str) -> None:
    waits: list[float] = []
    for credential in ("first", "second", "'; DROP TABLE budget; --"):
        with DatabaseBudget(database, credential, 0.001, sleep=waits.append) as budget:
            budget.take()

    assert waits == []


@pytest.mark.parametrize("per_second", [0.0, -1.0, float("inf"), float("nan")])
def test_an_absurd_limit_is_refused(per_second: float) -> None:
    with pytest.raises(ConfigurationError):
        DatabaseBudget("postgresql://localhost/x", "client-1", per_second)


def test_a_lost_session_is_opened_again(database: str) -> None:
    with DatabaseBudget(database, "client-1", 1000.0) as budget:
        budget.take()
        budget.close()
        budget.take()


def test_a_forked_child_takes_places_on_a_session_of_its_own(database: str) -> None:
    with DatabaseBudget(database, "client-1", 1000.0) as budget:
        budget.take()

        def child() -> None:
            with psycopg.connect(database, autocommit=True) as connection:
                sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'joulehouse'"
                sessions += " AND datname = current_database()"
                before = connection.execute(sessions).fetchone()
                budget.take()
                assert (before, connection.execute(sessions).fetchone()) == ((1,), (2,))
            budget.close()

        assert ended(fork(child)) == 0
        assert ended(fork(budget.close)) == 0
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT n_taken FROM budget").fetchone() == (2,)
        session = budget.connection()
        assert not session.closed
        budget.take()
        assert budget.connection() is session


def test_a_wait_that_the_provider_asks_for_is_heeded_by_every_process_of_the_credential(database: str) -> None:
    def refusal() -> tuple[str, float | None, bool]:
        with (
            DatabaseBudget(database, "client-1", PER_SECOND, source="yard") as budget,
            pytest.raises(RateLimitedError) as caught,
        ):
            budget.take()
        return str(caught.value), caught.value.retry_after_seconds, caught.value.was_sent

    with DatabaseBudget(database, "client-1", PER_SECOND, source="roof") as budget:
        budget.take()
        budget.postpone(3600.0)
    for sentence, seconds, was_sent in together([refusal] * 2):
        assert "the provider wants no request before 20" in sentence
        assert seconds is not None
        assert 3500 < seconds <= 3600
        assert not was_sent
    with DatabaseBudget(database, "client-2", PER_SECOND) as other:
        other.take()


def test_a_shorter_wait_takes_nothing_back(database: str) -> None:
    with DatabaseBudget(database, "client-1", None, source="roof") as budget:
        budget.postpone(3600.0)
        budget.postpone(1.0)
        with pytest.raises(RateLimitedError):
            budget.take()


@pytest.mark.parametrize("per_second", [None, 1000.0])
def test_what_is_left_of_a_wait_and_is_short_is_waited_for(database: str, per_second: float | None) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    with DatabaseBudget(database, "client-1", per_second, sleep=wait) as budget:
        budget.postpone(0.3)
        began = time.monotonic()
        budget.answered(budget.take())
        assert time.monotonic() - began >= 0.29
    assert waits


def test_the_ledger_says_for_each_source_when_its_provider_may_be_asked_again(database: str, tmp_path: Path) -> None:
    with DatabaseBudget(database, "client-1", None, source="roof") as budget:
        budget.postpone(3600.0)
    with DatabaseBudget(database, "client-1", None, source="yard") as budget, pytest.raises(RateLimitedError):
        budget.take()
    with open_warehouse(database, tmp_path) as warehouse:
        roof, yard, none = (warehouse.ledger.not_before(source) for source in ("roof", "yard", "cellar"))
    assert roof is not None
    assert yard is not None
    assert abs((roof - yard).total_seconds()) < 1
    assert none is None
