"""`joulehouse watch` in a process of its own: a database that is stopped or hangs, and a daemon that is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
import psycopg
import pytest

from pipelines.local.environment import running_environment
from pipelines.local.project import Project
from resources.settings import PROJECT, Settings
from tests.fakes.live_house import eventually
from tests.fakes.webhook import Webhook, listening
from warehouse.embedded import EmbeddedWarehouse
from warehouse.schema import migrate

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]

PROGRAM: Final = Path(sys.executable).with_name("joulehouse")
BEAT: Final = (
    "INSERT INTO heartbeat VALUES ('daemon', %s) ON CONFLICT (process) DO UPDATE SET beat_at = excluded.beat_at"
)


@pytest.fixture
def server(tmp_path: Path, package_cache: Path) -> Iterator[EmbeddedWarehouse]:
    own = EmbeddedWarehouse(tmp_path / "own", cache=package_cache, durable=False)
    own.start()
    migrate(own.url)
    yield own
    own.remove()


@contextmanager
def watching(url: str, tmp_path: Path, webhook: Webhook, watchdog: Webhook) -> Iterator[None]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "JOULEHOUSE_HOME": str(tmp_path / "home"),
        "WAREHOUSE_URL": url,
        "LANDING_URL": str(tmp_path / "landing"),
        "NOTIFY_URLS": webhook.apprise_url,
        "NOTIFY_DIGEST_AT": "never",
        "WATCH_PING_URL": f"http://127.0.0.1:{watchdog.port}/ping/secret-uuid",
    }
    running = subprocess.Popen(
        [str(PROGRAM), "watch", "--every", "1"],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=90)
    assert running.returncode == 0, output
    assert "The watch has ended." in output
    for secret in ("hunter2", "secret-uuid"):
        assert secret not in output


def beat(server: EmbeddedWarehouse) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute(BEAT, [datetime.now(UTC)])


def titles(webhook: Webhook) -> list[str]:
    return [text.splitlines()[0] for text in webhook.texts]


def has_grown(watchdog: Webhook) -> Callable[[], bool]:
    before = len(watchdog.pings)
    return lambda: len(watchdog.pings) > before + 1


def test_a_database_that_is_stopped_is_told_the_pings_stop_and_both_end_when_it_is_back(
    server: EmbeddedWarehouse, tmp_path: Path
) -> None:
    beat(server)
    with listening() as webhook, listening() as watchdog, watching(server.url, tmp_path, webhook, watchdog):
        assert eventually(lambda: len(watchdog.pings) > 1, seconds=60)
        server.stop()
        assert eventually(lambda: titles(webhook) == ["Joulehouse: database"], seconds=60)
        n_pings = len(watchdog.pings)
        time.sleep(4)
        assert len(watchdog.pings) == n_pings
        server.start()
        assert eventually(lambda: titles(webhook) == ["Joulehouse: database", "Joulehouse: 1 over"], seconds=60)
        assert eventually(has_grown(watchdog), seconds=60)


def test_a_database_whose_processes_stand_still_is_told(server: EmbeddedWarehouse, tmp_path: Path) -> None:
    beat(server)
    with listening() as webhook, listening() as watchdog, watching(server.url, tmp_path, webhook, watchdog):
        assert eventually(lambda: len(watchdog.pings) > 1, seconds=60)
        pid = server.status().pid
        assert pid is not None
        everything = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for process in everything:
            process.suspend()
        try:
            assert eventually(lambda: titles(webhook) == ["Joulehouse: database"], seconds=180)
            n_pings = len(watchdog.pings)
            time.sleep(3)
            assert len(watchdog.pings) == n_pings
        finally:
            for process in reversed(everything):
                process.resume()
        assert eventually(lambda: len(webhook.texts) == 2, seconds=120)


def test_a_real_daemon_beats_and_when_it_is_killed_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    project = Project(Settings())
    with running_environment(project, bindings=(), port=None) as environment:
        environment.processes.start_daemon()
        url = environment.warehouse_url

        def last_beat() -> datetime | None:
            with psycopg.connect(url) as connection:
                row = connection.execute("SELECT beat_at FROM heartbeat WHERE process = 'daemon'").fetchone()
            return row[0] if row else None

        assert eventually(lambda: last_beat() is not None, seconds=180)
        with listening() as webhook, listening() as watchdog, watching(url, tmp_path, webhook, watchdog):
            assert eventually(lambda: len(watchdog.pings) > 1, seconds=60)
            environment.processes.daemon.stop()
            # Six minutes are not waited for: the last beat is moved by as much.
            stopped = last_beat()
            assert stopped is not None
            with psycopg.connect(url) as connection:
                connection.execute(BEAT, [stopped - timedelta(minutes=6)])
            assert eventually(lambda: titles(webhook) == ["Joulehouse: daemon"], seconds=60)
            n_pings = len(watchdog.pings)
            time.sleep(3)
            assert len(watchdog.pings) == n_pings
            with psycopg.connect(url) as connection:
                connection.execute(BEAT, [datetime.now(UTC)])
            assert eventually(has_grown(watchdog), seconds=60)
