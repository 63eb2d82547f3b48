"""kill -9 at every step of schedule, poll, download, verify, land and load, enumerated; and four processes at once.

The twin runs in this process, and forked children do the work against it and a real database. After each kill the next
run comes, and has to bring the day to its end without anybody's help: with one load that says what the twin means, and
without a second job while the first was alive and known.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from domain.window import Window
from providers.servitly.pace import Pace
from sandbox.running import Sandbox
from sandbox.servitly import twin as served
from sandbox.servitly.fleet import THINGS
from tests.fakes.exports import ACCOUNT, DAY, PACE, Boilers, boilers, shared_sandbox
from tests.fakes.forked import ended, fork, together
from warehouse.export_jobs import DatabaseExportJobs
from warehouse.store import open_warehouse

FLEET: Final = replace(ACCOUNT, things=(THINGS[2].id,))
QUICK: Final = replace(PACE, unknown=0.4, deadline=20.0)
FEWEST_POINTS: Final = 60


class Steps:
    """Counts steps in this process, and ends it at one of them as a power cut would."""

    def __init__(self, fatal: int) -> None:
        self._left = fatal

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - handed through
            self.step()
            result = call(*arguments, **named)
            self.step()
            return result

        return counted

    def install(self) -> None:
        """Only ever called in a child: nothing is put back."""
        psycopg.Connection.wait = self.around(psycopg.Connection.wait)  # type: ignore[method-assign] # a child's own
        for name in ("fsync", "replace"):
            setattr(os, name, self.around(getattr(os, name)))
        for name in ("sendall", "recv"):
            setattr(socket.socket, name, self.around(getattr(socket.socket, name)))


@contextmanager
def fleet(database: str, sandbox: Sandbox, source: str, pace: Pace = QUICK) -> Iterator[Boilers]:
    with (
        closing(DatabaseExportJobs(database, source, source, sleep=lambda _: time.sleep(0.01))) as jobs,
        boilers(account=FLEET, jobs=jobs, pace=pace, is_reset=False, sandbox=sandbox) as made,
    ):
        yield made


def ingest(database: str, landing: Path, sandbox: Sandbox, source: str, window: Window = DAY) -> None:
    """One run: land what is missing, and load."""
    with fleet(database, sandbox, source) as made, open_warehouse(database, landing) as warehouse:
        pull = warehouse.begin_pull(source, window, fingerprint=made.provider.fingerprint)
        for payload in made.provider.fetch(window, pull.progress):
            pull.keep(payload)
        pull.finish(n_requests=made.provider.n_requests)
        landed = warehouse.payloads(source, window)
        warehouse.load(source, window, landed, made.provider.normalize(landed, window))


def killed(database: str, landing: Path, sandbox: Sandbox, source: str, fatal: int) -> bool:
    """A run that dies at step `fatal`; False if it came to its end before."""

    def child() -> None:
        Steps(fatal).install()
        ingest(database, landing, sandbox, source)

    status = ended(fork(child))
    assert status in {0, -signal.SIGKILL}
    return status != 0


@pytest.fixture
def twin() -> served.Servitly:
    sandbox = shared_sandbox()
    sandbox.control.reset()
    twin = sandbox.control.twins["servitly"]
    assert isinstance(twin, served.Servitly)
    twin.configure(job_seconds=0.1)
    return twin


@pytest.mark.timeout(900)
def test_a_run_killed_at_any_step_is_brought_to_its_end_by_the_next_without_a_second_job(
    database: str, tmp_path: Path, twin: served.Servitly
) -> None:
    sandbox, landing = shared_sandbox(), tmp_path / "landing"
    meant = sum(1 for point in twin.truth(*_millis(DAY), {}) if point.labels["thing"].startswith("PV"))
    fatal, n_lost = 1, 0
    with psycopg.connect(database, autocommit=True) as observer:
        while True:
            source = f"fleet{fatal}"
            before = len(twin.jobs)
            was_killed = killed(database, landing, sandbox, source, fatal)
            if was_killed:
                ingest(database, landing, sandbox, source)
            ordered = list(twin.jobs.values())[before:]
            states = [
                row[0]
                for row in observer.execute(
                    "SELECT state FROM export_job WHERE source = %s ORDER BY export_job_id", [source]
                )
            ]
            # A second job only where the first had no name yet, or had served: never while one was alive and known.
            assert len(ordered) in (1, 2), fatal
            assert states[-1] == "landed", fatal
            assert set(states[:-1]) <= {"lost", "landed"}, fatal
            n_lost += "lost" in states
            loads = observer.execute(
                "SELECT sum(n_inserted), sum(n_changed + n_removed) FROM load WHERE source = %s", [source]
            )
            assert loads.fetchone() == (meant, 0), fatal
            points = observer.execute(
                "SELECT count(*) FROM measurement JOIN series USING (series_id) WHERE source = %s", [source]
            )
            assert points.fetchone() == (meant,), fatal
            if not was_killed:
                break
            fatal += 1
    assert twin.n_refused == 0
    assert twin.most_pending == 1
    assert fatal >= FEWEST_POINTS
    assert 1 <= n_lost <= 8  # the steps between the order and its answer, and no other


def _one_of_four(database: str, landing: Path, number: int) -> None:
    sandbox = shared_sandbox()
    window = Window.of_day(DAY.day.replace(day=number + 1))
    with (
        closing(DatabaseExportJobs(database, f"fleet{number}", "one tenant", sleep=lambda _: time.sleep(0.01))) as jobs,
        boilers(account=FLEET, jobs=jobs, pace=QUICK, is_reset=False, sandbox=sandbox) as made,
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
    monkeypatch.setattr(DatabaseExportJobs, "_await", lambda self, _: self._session() and None)
    monkeypatch.setattr(DatabaseExportJobs, "alive", _only_mine(DatabaseExportJobs.alive))
    together([partial(_one_of_four, database, tmp_path / "landing", number) for number in range(4)])
    assert twin.n_refused > 0


def _only_mine(alive: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: [job for job in alive(self) if job.source == self._source]


def _millis(window: Window) -> tuple[int, int]:
    return int(window.start.timestamp() * 1000), int(window.end.timestamp() * 1000)
