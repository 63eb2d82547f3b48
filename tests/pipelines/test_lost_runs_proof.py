"""`joulehouse ui` and its runs, ended by SIGKILL amid a backfill: nobody does anything, and every day is loaded once.

What is killed is a run's process, or the daemon with its code server and every run, as when the host dies; the daemon
is then started again, as whatever supervises it would.
"""

import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
import psycopg
import pytest

from sandbox.running import running_sandbox
from tests.fakes.demo import clean_home
from tests.fakes.open_ui import OpenUi, open_ui
from tests.pipelines.test_dagster_outages import ACCOUNT, SOURCE, history, own_server
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


def test_runs_whose_code_server_is_killed_with_them_are_started_again_within_two_minutes_and_lose_nothing(
    tmp_path: Path, package_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed_at: list[float] = []
    with own_server(tmp_path / "own", package_cache) as server:
        url = with_database(server.url, "warehouse")
        with (
            running_sandbox(client_id="tests", client_secret="of-the-tests") as sandbox,
            clean_home(tmp_path / "home", package_cache) as home,
            open_ui(home, url, CHARGING_HUB_URL=sandbox.url, **ACCOUNT, **history(server.url)) as ui,
        ):
            sandbox.control.export_service.fault("latency", seconds=0.5)

            def kill() -> None:
                killed_at.append(time.time())
                kill_run(ui)

            status = ui.backfill(SOURCE, DAYS, kill, "lost")
            n_loaded, n_loads = ui.loads(DAYS)
            with psycopg.connect(url) as session:
                claims = session.execute("SELECT claimed_at, lost_at FROM run_lease ORDER BY claimed_at").fetchall()
    seconds = [claim[0].timestamp() - killed_at[0] for claim in claims if claim[0].timestamp() > killed_at[0]]
    with capsys.disabled():
        sys.stdout.write(f"\n{status}: {n_loaded} days, {n_loads} loads, begun again after {seconds} s\n")
    assert status.startswith("COMPLETED_SUCCESS")
    assert n_loaded == len(DAYS)
    assert n_loads - n_loaded <= 1
    assert min(seconds) < 120
