"""One bucket per credential: never two requests too close, whoever sends them."""

import time
from itertools import pairwise

import psycopg
import pytest

from domain.errors import ConfigurationError
from tests.fakes.forked import ended, fork, together
from warehouse.budget import DatabaseBudget

PER_SECOND = 10.0
EACH = 6


def test_four_processes_never_come_closer_than_the_limit_and_use_most_of_it(database: str) -> None:
    def take() -> list[float]:
        with DatabaseBudget(database, "client-1", PER_SECOND) as budget:
            taken = []
            for _ in range(EACH):
                budget.take()
                taken.append(time.monotonic())
            return taken

    instants = sorted(instant for taken in together([take] * 4) for instant in taken)

    gaps = [later - earlier for earlier, later in pairwise(instants)]
    # A place is a promise of the server's clock; what a process wakes up late is no longer the budget's.
    assert len(instants) == 4 * EACH
    assert instants[-1] - instants[0] >= (4 * EACH - 1) / PER_SECOND * 0.98
    assert sorted(gaps)[len(gaps) // 10] >= 0.7 / PER_SECOND


def test_places_are_spaced_exactly_by_the_servers_clock(database: str) -> None:
    waits: list[float] = []
    with DatabaseBudget(database, "client-1", 2.0, sleep=waits.append) as budget:
        started = time.monotonic()
        for _ in range(50):
            budget.take()
        elapsed = time.monotonic() - started

    # Nobody slept, so each wait is what is still missing until the place: 0.52 s more each time.
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(49 * 1.04 / 2.0 - elapsed, abs=0.1)


def test_an_unused_budget_saves_nothing_up(database: str) -> None:
    waits: list[float] = []
    with DatabaseBudget(database, "client-1", 10.0, sleep=waits.append) as budget:
        budget.take()
        time.sleep(0.5)
        budget.take()
        budget.take()

    assert len(waits) == 1
    assert waits[0] == pytest.approx(0.104, abs=0.05)


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
        session = budget._session()
        assert not session.closed
        budget.take()
        assert budget._session() is session
