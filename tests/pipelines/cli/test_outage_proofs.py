"""A backfill of 28 days in a process of its own, and a database that goes at a random moment of it.

The moment is drawn by the run's number: some days are loaded, and a little later. Each run has its own database.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
import pytest

from domain.window import Window
from pipelines.local import state
from pipelines.local.project import Project
from pipelines.local.verification import verify
from sandbox.running import Sandbox, running_sandbox
from tests.fakes.outages import kill_backend, kill_server, restart
from tests.fakes.standby import with_standby
from warehouse.embedded import EmbeddedWarehouse
from warehouse.schema import migrate
from warehouse.server import create_database, drop_database, with_database

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

LAST: Final = datetime.now(UTC).date() - timedelta(days=1)
DAYS: Final = [LAST - timedelta(days=n) for n in range(27, -1, -1)]
N_MOMENTS: Final = 20
PROGRAM: Final = Path(sys.executable).with_name("joulehouse")


@dataclass(frozen=True)
class Place:
    """A server that is nobody else's, and a sandbox."""

    server: EmbeddedWarehouse
    sandbox: Sandbox


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, package_cache: Path) -> Iterator[Place]:
    server = EmbeddedWarehouse(tmp_path_factory.mktemp("own") / "home", cache=package_cache, durable=False)
    server.start()
    create_database(server.admin_url, "template", owner="joulehouse")
    migrate(with_database(server.url, "template"))
    with (
        running_sandbox(client_id="tests", client_secret="of-the-tests") as sandbox,
        pytest.MonkeyPatch.context() as set_,
    ):
        home = tmp_path_factory.mktemp("home")
        set_.setenv("JOULEHOUSE_HOME", str(home))
        set_.setenv("CHARGING_HUB_URL", sandbox.url)
        set_.setenv("CHARGING_HUB_CLIENT_ID", "tests")
        set_.setenv("CHARGING_HUB_CLIENT_SECRET", "of-the-tests")
        drawn = {"client_id": "tests", "client_secret": "of-the-tests"}
        port = int(sandbox.url.rpartition(":")[2])
        facts = {"port": port, "paths": {"export_service": ""}, "credentials": {"export_service": drawn}}
        state.write(home / "sandbox.json", facts)
        yield Place(server, sandbox)
    server.remove()


@contextmanager
def fresh_database(place: Place, **defaults: str) -> Iterator[str]:
    place.server.start()
    create_database(place.server.admin_url, "disturbed", owner="joulehouse", template="template")
    url = with_database(place.server.url, "disturbed")
    try:
        with psycopg.connect(url, autocommit=True) as owner:
            for name, value in defaults.items():
                owner.execute(f"ALTER DATABASE disturbed SET {name} = '{value}'".encode())
        yield url
    finally:
        place.server.start()
        drop_database(place.server.admin_url, "disturbed")


def backfill(url: str, disturb: Callable[[], None], seed: str) -> None:
    """Backfill all days, in a process of its own that is disturbed at a moment between the first day and the last."""
    draw = random.Random(seed)  # noqa: S311 - a moment is no secret
    n_days, delay = draw.randint(1, len(DAYS) - 2), draw.uniform(0.0, 0.3)
    command = [str(PROGRAM), "backfill", "charging_hub", "--from", str(DAYS[0]), "--to", str(DAYS[-1])]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, env={**os.environ, "WAREHOUSE_URL": url}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        n_loaded = 0
        while n_loaded < n_days and (line := running.stdout.readline()):
            n_loaded += line.startswith("charging_hub 2")
        time.sleep(delay)
        disturb()
        _, complaints = running.communicate(timeout=300)
    assert running.returncode == 0, f"after {n_loaded} days and {delay:.2f} s: {complaints}"


def check(url: str) -> None:
    """Every day is there, once, as it was served."""
    with pytest.MonkeyPatch.context() as set_:
        set_.setenv("WAREHOUSE_URL", url)
        project = Project()
        binding = project.source("charging_hub").sandbox_binding
        with project.warehouse() as warehouse:
            found = verify(project.sandbox, warehouse.reading, binding, DAYS).total
            entries = warehouse.ledger.entries("charging_hub", Window.of_days(DAYS[0], DAYS[-1]))
    assert found.is_equal, found.difference
    assert sum(entry.n_inserted for entry in entries) == found.n_loaded
    assert [entry.status for entry in entries if entry.n_inserted] == ["committed"] * len(DAYS)


def killed_and_started_again(server: EmbeddedWarehouse) -> None:
    kill_server(server)
    server.start()


DISTURBANCES: Final[dict[str, Callable[[EmbeddedWarehouse], None]]] = {
    "a restart of 0.4 s": partial(restart, away_seconds=0.4),
    "a restart of 30 s": partial(restart, away_seconds=30.0),
    "kill -9 of a backend": kill_backend,
    "kill -9 of the server": killed_and_started_again,
}


@pytest.mark.parametrize("number", range(N_MOMENTS))
@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_a_server_that_goes_at_any_moment_of_a_backfill_costs_no_day(
    place: Place, disturbance: str, number: int
) -> None:
    with fresh_database(place) as url:
        backfill(url, partial(DISTURBANCES[disturbance], place.server), f"{disturbance} {number}")
        check(url)


@pytest.mark.parametrize("name", ["idle_session_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"])
def test_a_server_that_ends_what_rests_or_takes_long_costs_no_day(place: Place, name: str) -> None:
    with fresh_database(place, **{name: "50ms"}) as url:
        backfill(url, lambda: None, name)
        check(url)


@pytest.mark.parametrize("number", range(N_MOMENTS))
def test_a_synchronous_standby_that_is_promoted_at_any_moment_costs_no_day(
    place: Place,  # noqa: ARG001 - the sandbox
    number: int,
    tmp_path: Path,
    package_cache: Path,
) -> None:
    primary = EmbeddedWarehouse(tmp_path / "home", cache=package_cache, durable=False)
    try:
        primary.start()
        create_database(primary.admin_url, "warehouse", owner="joulehouse")
        migrate(with_database(primary.url, "warehouse"))
        with with_standby(primary) as pair:
            backfill(pair.url("warehouse"), pair.fail_over, str(number))
            check(pair.url("warehouse"))
    finally:
        primary.remove()
