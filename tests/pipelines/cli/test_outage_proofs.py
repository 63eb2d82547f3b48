"""A backfill of 28 days in a process of its own, and a database that goes at a random moment of it.

What fails is the moment, drawn anew for each run; its seed is the run's number. Each run has a database of its own.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
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
from tests.fakes.outages import kill_backend, kill_server, meanwhile, restart
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
    """A server that is nobody else's, a sandbox, and how long a backfill takes that nothing disturbs."""

    server: EmbeddedWarehouse
    sandbox: Sandbox
    home: Path
    seconds: float = 0.0


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
        quiet = Place(server, sandbox, home)
        began = time.monotonic()
        backfill(quiet)
        yield Place(server, sandbox, home, time.monotonic() - began)
    server.remove()


def backfill(
    place: Place,
    *,
    disturb: Callable[[], None] | None = None,
    after: float = 0.0,
    defaults: dict[str, str] | None = None,
) -> None:
    """Backfill into a fresh database, disturbed once; everything must be there once, and the exit code 0."""
    place.server.start()
    create_database(place.server.admin_url, "disturbed", owner="joulehouse", template="template")
    url = with_database(place.server.url, "disturbed")
    try:
        with psycopg.connect(url, autocommit=True) as owner:
            for name, value in (defaults or {}).items():
                owner.execute(f"ALTER DATABASE disturbed SET {name} = '{value}'".encode())
        with meanwhile(disturb, [after]) if disturb else nullcontext():
            done = subprocess.run(  # noqa: S603 - our own program
                [str(PROGRAM), "backfill", "charging_hub", "--from", str(DAYS[0]), "--to", str(DAYS[-1])],
                env={**os.environ, "WAREHOUSE_URL": url},
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
        assert done.returncode == 0, f"after {after:.2f} s: {done.stderr}"
        place.server.start()
        with pytest.MonkeyPatch.context() as set_:
            set_.setenv("WAREHOUSE_URL", url)
            project = Project()
            binding = project.source("charging_hub").sandbox_binding
            with project.warehouse() as warehouse:
                found = verify(project.sandbox, warehouse.reading, binding, DAYS).total
                entries = warehouse.ledger.entries("charging_hub", Window.of_days(DAYS[0], DAYS[-1]))
        assert found.is_equal, f"after {after:.2f} s: {found.difference}"
        assert sum(entry.n_inserted for entry in entries) == found.n_loaded
        assert [entry.status for entry in entries if entry.n_inserted] == ["committed"] * len(DAYS)
    finally:
        place.server.start()
        drop_database(place.server.admin_url, "disturbed")


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
    # From the first contact on: a database that has never answered is not waited for.
    moment = random.Random(f"{disturbance} {number}").uniform(0.45, 1.0) * place.seconds  # noqa: S311 - a moment
    backfill(place, disturb=partial(DISTURBANCES[disturbance], place.server), after=moment)


@pytest.mark.parametrize("name", ["idle_session_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"])
def test_a_server_that_ends_what_rests_or_takes_long_costs_no_day(place: Place, name: str) -> None:
    backfill(place, defaults={name: "50ms"})
