"""kill -9 at every step of schedule, order, poll, download, verify, land and load, enumerated; four processes at once.

The twin runs in this process, and forked children do the work against it and a real database. After each kill the next
run comes, and has to bring the day to its end without anybody's help: with one load that says what the twin means, and
with the one job that the first run ordered. Orders are carried by processes of their own, as shipped. Where hundreds of
them are needed they are forked, because a new interpreter takes half a second to import what is imported here already.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import psycopg
import pytest

from assets.steps import land, load
from domain.window import Window
from providers.servitly.polling_policy import PollingPolicy
from resources import order_worker
from sandbox.servitly import twin as served
from sandbox.servitly.fleet import THINGS
from tests.fakes.forked import ended, fork, together
from tests.fakes.harness import ProviderOver, shared_sandbox
from tests.fakes.order_workers import Steps, by_fork, config_to, environment, shipped, start_workers_by
from tests.providers.servitly.harness import ACCOUNT, DAY, PACE, boilers
from warehouse import export_jobs
from warehouse.export_jobs import DatabaseExportJobs
from warehouse.store import open_warehouse

FLEET: Final = replace(ACCOUNT, things=(THINGS[2].id,))
QUICK: Final = replace(PACE, first_poll=0.01, unknown=60.0, look=0.02, deadline=20.0)
FEWEST_POINTS: Final = 60
LEAST_CARRIED: Final = 14
LEAST_HANDED: Final = 8


def ingest(database: str, landing: Path, source: str, policy: PollingPolicy = QUICK, window: Window = DAY) -> None:
    """One run: land what is missing, and load."""
    variables = environment(shared_sandbox(), database, str(landing.parent))
    with (
        shipped(config_to(source, FLEET, policy), variables) as (session, client),
        open_warehouse(database, landing) as warehouse,
    ):
        provider = ProviderOver(client, FLEET, session)
        land(provider, warehouse, source, window, reuse_finished=True)
        load(provider, warehouse, source, window)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the day of a source whose first run, or its worker, was killed.

    Attributes:
        was_killed: False if all came to their ends before the step.
        n_jobs: Jobs that the twin was asked for.
        states: What the ledger says of them and of what came to nothing, the oldest first.
    """

    was_killed: bool
    n_jobs: int
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class House:
    """Where the days are brought to: the twin's truth is what each of them must hold."""

    database: str
    landing: Path
    twin: served.Servitly
    observer: psycopg.Connection

    def outcome(self, source: str, first_run: Callable[[Path], object], policy: PollingPolicy = QUICK) -> Outcome:
        """Let a first run go its way in a child, then let the next one finish its day; hold the day against the truth.

        Args:
            source: Whose day.
            first_run: Called in the child; the file that it is given is made when it, or its worker, is killed.
            policy: Of the next run.
        """
        mark, before = self.landing.parent / f"{source}.killed", len(self.twin.jobs)
        status = ended(fork(lambda: first_run(mark)))
        assert (status == 0) or mark.exists(), source
        loads = "SELECT count(*) FROM load WHERE source = %s AND status = 'committed'"
        if self._one(loads, source) == (0,):  # otherwise nothing is left to be done
            ingest(self.database, self.landing, source, policy)
        assert self._one(loads, source) == (1,), source
        meant = sum(1 for point in self.twin.truth(*_millis(DAY), {}) if point.labels["thing"].startswith("PV"))
        load = "SELECT sum(n_inserted), sum(n_changed + n_removed) FROM load WHERE source = %s"
        assert self._one(load, source) == (meant, 0), source
        points = "SELECT count(*) FROM measurement JOIN series USING (series_id) WHERE source = %s"
        assert self._one(points, source) == (meant,), source
        states = "SELECT array_agg(state ORDER BY export_job_id) FROM export_job WHERE source = %s"
        (said,) = self._one(states, source)
        assert said[-1] == "landed", source
        assert self.twin.n_refused == 0, source
        assert self.twin.most_pending == 1, source
        return Outcome(mark.exists(), len(self.twin.jobs) - before, tuple(said))

    def ordered_once(self, source: str, first_run: Callable[[Path], object]) -> Outcome:
        """The same, where one job is all that the provider may have been asked for, and none may be lost."""
        one = self.outcome(source, first_run)
        assert one.n_jobs == 1, source
        assert set(one.states) <= {"landed", "refused"}, source
        return one

    def _one(self, query: str, source: str) -> tuple[Any, ...]:
        return self.observer.execute(query.encode(), [source]).fetchone() or ()


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch) -> served.Servitly:
    monkeypatch.setattr(export_jobs, "_LOOK_SECONDS", 0.01)
    sandbox = shared_sandbox()
    sandbox.control.reset()
    twin = sandbox.control.twins["servitly"]
    assert isinstance(twin, served.Servitly)
    twin.configure(job_seconds=0.05)
    return twin


@pytest.fixture
def house(database: str, tmp_path: Path, twin: served.Servitly, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house whose workers are forked."""
    monkeypatch.setattr(order_worker, "subprocess", by_fork())
    with psycopg.connect(database, autocommit=True) as observer:
        yield House(database, tmp_path / "landing", twin, observer)


def _marked(mark: Path, *victims: int) -> Callable[[], None]:
    """What kills processes, and says so; 0 stands for the one that it is called in."""

    def kill() -> None:
        mark.touch()
        for victim in victims:
            os.kill(victim or os.getpid(), signal.SIGKILL)

    return kill


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", [1, 2], ids=["odd", "even"])
def test_a_run_killed_at_any_step_is_brought_to_its_end_by_the_next_without_a_second_job(
    house: House, first: int
) -> None:
    fatal = first
    while True:
        source = f"fleet{fatal}"

        def first_run(mark: Path, source: str = source, fatal: int = fatal) -> None:
            Steps(fatal, _marked(mark, 0)).install()
            ingest(house.database, house.landing, source)

        if not house.ordered_once(source, first_run).was_killed:
            break
        fatal += 2
    assert fatal >= FEWEST_POINTS


def test_a_run_killed_while_it_hands_its_order_to_a_worker_of_its_own_orders_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the shipped worker, an interpreter of its own, and a kill around every step of starting and telling it."""
    monkeypatch.setattr(order_worker, "subprocess", subprocess)
    fatal, n_never_sent = 1, 0
    while True:
        source = f"fleet{fatal}"

        def first_run(mark: Path, source: str = source, fatal: int = fatal) -> None:
            steps = Steps(fatal, _marked(mark, 0))
            for name in ("write", "read"):
                setattr(os, name, steps.around(getattr(os, name)))
            started = SimpleNamespace(**{**vars(subprocess), "Popen": steps.around(subprocess.Popen)})
            start_workers_by(started)
            ingest(house.database, house.landing, source)

        one = house.ordered_once(source, first_run)
        n_never_sent += "refused" in one.states
        if not one.was_killed:
            break
        fatal += 1
    assert fatal >= LEAST_HANDED
    assert n_never_sent >= 1


def test_a_run_killed_at_any_step_of_its_worker_has_its_one_job_adopted(house: House) -> None:
    fatal = 1
    while True:
        source = f"fleet{fatal}"

        def first_run(mark: Path, source: str = source, fatal: int = fatal) -> None:
            start_workers_by(by_fork(lambda run: Steps(fatal, _marked(mark, run))))
            ingest(house.database, house.landing, source)

        if not house.ordered_once(source, first_run).was_killed:
            break
        fatal += 1
    assert fatal >= LEAST_CARRIED


@pytest.mark.long
@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "with its run"])
def test_a_worker_killed_at_any_step_costs_one_job_at_most_and_never_two_at_once(
    house: House, *, is_alone: bool
) -> None:
    policy = replace(QUICK, unknown=1.5)
    fatal, n_lost = 1, 0
    while True:
        source = f"fleet{fatal}"

        def first_run(mark: Path, source: str = source, fatal: int = fatal) -> None:
            def steps(run: int) -> Steps:
                return Steps(fatal, _marked(mark, 0) if is_alone else _marked(mark, run, 0))

            start_workers_by(by_fork(steps))
            ingest(house.database, house.landing, source, policy)

        one = house.outcome(source, first_run, policy)
        assert one.states.count("lost") <= 1, source
        assert one.n_jobs in (1, 1 + one.states.count("lost")), source
        n_lost += "lost" in one.states
        if not one.was_killed:
            break
        fatal += 1
    assert fatal >= LEAST_CARRIED
    assert 1 <= n_lost <= 12  # the steps between the order and its answer, and no other


def _one_of_four(database: str, landing: Path, number: int) -> None:
    sandbox = shared_sandbox()
    window = Window.of_day(DAY.day.replace(day=number + 1))
    with (
        closing(DatabaseExportJobs(database, f"fleet{number}", "one tenant", sleep=lambda _: time.sleep(0.01))) as jobs,
        boilers(account=FLEET, jobs=jobs, policy=QUICK, is_reset=False, sandbox=sandbox) as made,
        open_warehouse(database, landing) as warehouse,
    ):
        pull = warehouse.begin_pull(f"fleet{number}", window)
        for payload in made.provider.fetch(window, {}):
            pull.keep(payload)
        pull.finish(n_requests=0)


def test_four_processes_that_want_exports_of_one_tenant_have_one_at_a_time(
    database: str, tmp_path: Path, twin: served.Servitly
) -> None:
    together([partial(_one_of_four, database, tmp_path / "landing", number) for number in range(4)])
    assert len(twin.jobs) == 4
    assert twin.most_pending == 1
    assert twin.n_refused == 0


def test_the_twin_would_have_noticed_without_the_place(
    database: str, tmp_path: Path, twin: served.Servitly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tooth: with a place that everybody has, and a ledger that shows nobody's job, orders are refused."""
    monkeypatch.setattr(DatabaseExportJobs, "_await", lambda self, _: self.connection() and None)
    monkeypatch.setattr(DatabaseExportJobs, "alive", _only_mine(DatabaseExportJobs.alive))
    together([partial(_one_of_four, database, tmp_path / "landing", number) for number in range(4)])
    assert twin.n_refused > 0


def _only_mine(alive: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: [job for job in alive(self) if job.source == self._source]


def _millis(window: Window) -> tuple[int, int]:
    return int(window.start.timestamp() * 1000), int(window.end.timestamp() * 1000)
