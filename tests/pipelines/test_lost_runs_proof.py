"""`joulehouse ui` and its runs, ended by SIGKILL amid a backfill: nobody does anything, and every day is loaded once.

What is killed is each run's process with the code server that would tell of it, or everything but the database, as when
the host dies. And nobody is killed: the database is away instead.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
import psycopg
import pytest

from pipelines.local.processes import poll
from sandbox.running import running_sandbox
from tests.fakes.demo import clean_home
from tests.fakes.open_ui import PATIENCE_SECONDS, OpenUi, open_ui
from tests.pipelines.test_dagster_outages import ACCOUNT, SOURCE, history, own_server
from warehouse.embedded import EmbeddedWarehouse
from warehouse.server import with_database

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]

LAST: Final = datetime.now(UTC).date() - timedelta(days=1)
DAYS: Final = [LAST - timedelta(days=n) for n in range(27, -1, -1)]


def holders(url: str) -> list[tuple[str, int]]:
    """The runs that are held now, and the processes that hold them."""
    with psycopg.connect(url) as session:
        rows = session.execute(
            "SELECT run_id, holder FROM run_lease WHERE lost_at IS NULL"
            " AND renewed_at > clock_timestamp() - INTERVAL '20 s'"
        ).fetchall()
    return [(run_id, int(holder.split()[1])) for run_id, holder in rows]


def kill_run(ui: OpenUi) -> None:
    """End the process of a run, and the code server that would tell of it."""
    for _, pid in holders(ui.url):
        if psutil.pid_exists(pid):
            server = psutil.Process(pid).parent()
            for each in (server, psutil.Process(pid)):
                if each is not None:
                    each.send_signal(signal.SIGKILL)


@contextmanager
def opened(
    tmp_path: Path, cache: Path
) -> Iterator[tuple[EmbeddedWarehouse, Callable[[], AbstractContextManager[OpenUi]]]]:
    """A server of its own, a provider that takes its time, and what opens a UI over them."""
    with (
        own_server(tmp_path / "own", cache) as server,
        running_sandbox(client_id="tests", client_secret="of-the-tests") as sandbox,
        clean_home(tmp_path / "home", cache) as home,
    ):
        sandbox.control.export_service.fault("latency", seconds=0.5)
        variables = {"CHARGING_HUB_URL": sandbox.url} | ACCOUNT | history(server.url)
        yield server, lambda: open_ui(home, with_database(server.url, "warehouse"), **variables)


def kill_host(home: Path) -> None:
    """End everything that runs for a home, at once."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("JOULEHOUSE_HOME") == str(home):
                process.kill()


def claims(ui: OpenUi) -> list[tuple[datetime, datetime | None]]:
    """When each run was claimed, and given up."""
    with psycopg.connect(ui.url) as session:
        return session.execute("SELECT claimed_at, lost_at FROM run_lease ORDER BY claimed_at").fetchall()


def test_runs_whose_code_server_is_killed_with_them_are_started_again_within_two_minutes_and_lose_nothing(
    tmp_path: Path, package_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed_at: list[float] = []
    with opened(tmp_path, package_cache) as (_, open_one), open_one() as ui:

        def kill() -> None:
            killed_at.append(time.time())
            kill_run(ui)

        status = ui.backfill(SOURCE, DAYS, kill, "lost")
        n_loaded, n_loads = ui.loads(DAYS)
        begun = [claimed.timestamp() - killed_at[0] for claimed, _ in claims(ui)]
    seconds = [after for after in begun if after > 0]
    with capsys.disabled():
        sys.stdout.write(f"\n{status}: {n_loaded} days, {n_loads} loads, begun again after {seconds} s\n")
    assert status.startswith("COMPLETED_SUCCESS")
    assert n_loaded == len(DAYS)
    assert n_loads - n_loaded <= 1
    assert min(seconds) < 120


def test_a_database_that_is_away_for_longer_than_any_lease_lasts_makes_no_run_lost(
    tmp_path: Path, package_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path, package_cache) as (server, open_one), open_one() as ui:

        def go_away() -> None:
            server.stop()
            time.sleep(150)
            server.start()

        status = ui.backfill(SOURCE, DAYS, go_away, "away")
        n_loaded, n_loads = ui.loads(DAYS)
        lost = [lost_at for _, lost_at in claims(ui) if lost_at is not None]
    with capsys.disabled():
        sys.stdout.write(f"\n{status}: {n_loaded} days, {n_loads} loads, {len(lost)} lost\n")
    assert status.startswith("COMPLETED_SUCCESS")
    assert n_loaded == len(DAYS)
    assert n_loads - n_loaded <= 1
    assert not lost


def test_runs_that_a_host_took_along_are_taken_up_by_the_next_ui(
    tmp_path: Path, package_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path, package_cache) as (_, open_one):
        with open_one() as ui:
            backfill_id = ui.dagster.launch_backfill([f"{SOURCE}/payloads", f"{SOURCE}/measurements"], DAYS)
            assert any(ui.loads(DAYS)[0] > 2 for _ in poll(PATIENCE_SECONDS))
            kill_host(tmp_path / "home")
        opened_at = time.time()
        with open_one() as ui:
            ended = any(ui.dagster.backfill(backfill_id).has_ended for _ in poll(PATIENCE_SECONDS, every=1.0))
            runs = sorted(ui.dagster.runs_of(backfill_id).values())
            n_loaded, n_loads = ui.loads(DAYS)
            seconds = [claimed.timestamp() - opened_at for claimed, _ in claims(ui)]
    with capsys.disabled():
        sys.stdout.write(f"\n{runs}: {n_loaded} days, {n_loads} loads, claimed at {seconds} s\n")
    assert ended
    assert runs == ["FAILURE", "SUCCESS"]
    assert n_loaded == len(DAYS)
    assert n_loads - n_loaded <= 1
    assert max(seconds) < 120
