"""The house in containers, from `make .env` on: as many rows as without them, and none lost between `down` and `up`.

DAYS (60 by default) days of every source, or as many as the demo pulls of it: the demo first, then the containers. Ten
minutes and two gigabytes; nothing stays.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pipelines.console import today
from pipelines.local.dagster_graphql import BackfillState, DagsterGraphQL
from pipelines.local.processes import LoopbackServer
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.host import free_port

ROOT = Path(__file__).resolve().parents[2]
DAYS = int(os.environ.get("DAYS", "60"))
SOURCES = {"apartment_house", "boiler_fleet", "charging_hub", "home_batteries", "smart_homes"}
PROGRAM = str(ROOT / ".venv" / "bin" / "joulehouse")

LEDGER = """
    SELECT DISTINCT ON (source, window_start)
        source, window_start, n_series, n_received, n_inserted, n_rejected, n_duplicate
    FROM load WHERE status = 'committed' AND window_start >= %s ORDER BY source, window_start, load_id
"""
COUNTS = "SELECT (SELECT count(*) FROM measurement), (SELECT count(*) FROM state), (SELECT count(*) FROM load)"

Row = tuple[object, ...]


@dataclass(frozen=True)
class Containers:
    """A copy of the checkout, and its containers under a name of their own."""

    folder: Path
    name: str
    ui_port: int
    database: str
    n_workers: int

    def compose(self, *words: str, seconds: float = 900) -> str:
        profiles = ["--profile", "sandbox", *(["--profile", "workers"] if self.n_workers else [])]
        command = ["docker", "compose", "--project-name", self.name, *profiles, *words]
        done = subprocess.run(command, cwd=self.folder, check=False, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def up(self) -> None:
        try:
            self.compose(
                "up", "--detach", "--wait", *(["--scale", f"worker={self.n_workers}"] if self.n_workers else [])
            )
        except AssertionError as error:
            raise AssertionError(self.compose("logs", "--tail", "20")) from error

    def backfill(self, days: Mapping[str, list[date]]) -> dict[str, BackfillState]:
        """Load the days of each source, all at the same time."""
        dagster = DagsterGraphQL(LoopbackServer(self.ui_port, "the containers' Dagster", "docker compose logs"))
        backfills = {
            source: dagster.launch_backfill([f"{source}/payloads", f"{source}/measurements"], its_days)
            for source, its_days in days.items()
        }
        deadline = time.monotonic() + 1800
        while True:
            states = {source: dagster.backfill(backfill) for source, backfill in backfills.items()}
            if all(state.has_ended for state in states.values()) or time.monotonic() > deadline:
                return states
            time.sleep(1)

    def counts(self) -> Row:
        return rows(self.database, COUNTS)[0]


def rows(conninfo: str, statement: str, *values: object) -> list[Row]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(statement.encode(), values or None).fetchall()


@pytest.fixture(params=[0, 3], ids=["runs of the code server", "three workers"])
def containers(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Containers]:
    """The whole house up, with the sandbox; afterwards its containers, volumes and image are gone."""
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"], check=False).returncode:
        pytest.skip("there is no docker with compose here: nothing is proved about the containers")
    if subprocess.run(["docker", "info"], check=False, capture_output=True).returncode:
        pytest.skip("the docker daemon does not answer: nothing is proved about the containers")
    folder = tmp_path / "checkout"
    # What is not committed yet is part of it, what is ignored is not.
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    tmp_path.chmod(0o755)
    subprocess.run(["make", ".env"], cwd=folder, check=True, capture_output=True)
    # A password as people choose them; and ports that are free here.
    password, ports = "p@ss/w:o#r%41d?", {"UI_PORT": free_port(), "WAREHOUSE_PORT": free_port()}
    changed = {
        "WAREHOUSE_PASSWORD": f"'{password}'",
        "REDIS_PASSWORD": f"'{password}'",
        **{name: str(port) for name, port in ports.items()},
    }
    settings = folder / ".env"
    lines = [
        f"{name}={changed.get(name, value)}" if equals and not name.startswith("#") else line
        for line in settings.read_text().splitlines()
        for name, equals, value in [line.partition("=")]
    ]
    name = f"joulehouse-proof-{os.getpid()}"
    # As the demo has it: a tenant's ten requests a minute are no matter of containers.
    lines += ["JOULEHOUSE_REQUESTS_PER_MINUTE=boiler_fleet=120", f"JOULEHOUSE_VERSION={name}", ""]
    settings.write_text("\n".join(lines))
    database = make_conninfo(
        host="127.0.0.1", port=ports["WAREHOUSE_PORT"], user="joulehouse", password=password, dbname="joulehouse"
    )
    house = Containers(folder, name, ports["UI_PORT"], database, request.param)
    try:
        house.compose("build")
        house.up()
        yield house
    finally:
        house.compose("down", "--volumes")
        subprocess.run(["docker", "image", "rm", f"joulehouse:{name}"], check=False, capture_output=True)


@pytest.fixture
def ledger_of_the_demo(tmp_path: Path, package_cache: Path) -> Iterator[list[Row]]:
    """What `make demo` enters for the same days into the embedded warehouse."""
    home = tmp_path / "home"
    ours = ("TZ", *(f"{source.upper()}_" for source in SOURCES))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    warehouse = EmbeddedWarehouse(home, cache=package_cache)
    try:
        subprocess.run(
            [PROGRAM, "demo", "--once", "--days", str(DAYS)],
            env=environment | {"JOULEHOUSE_HOME": str(home)},
            check=True,
            timeout=1800,
        )
        yield rows(warehouse.start(), LEDGER, first_day())
    finally:
        warehouse.remove()


def first_day() -> date:
    return today() - timedelta(days=DAYS)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_containers_load_what_the_demo_loads_and_lose_nothing_between_down_and_up(
    ledger_of_the_demo: list[Row], containers: Containers
) -> None:
    days: dict[str, list[date]] = {}
    for source, start, *_ in ledger_of_the_demo:
        assert isinstance(start, datetime)
        days.setdefault(str(source), []).append(start.astimezone(UTC).date())
    assert set(days) == SOURCES
    assert max(len(its_days) for its_days in days.values()) == DAYS
    states = containers.backfill(days)
    assert all(state.is_success for state in states.values()), states
    assert rows(containers.database, LEDGER, first_day()) == ledger_of_the_demo
    if containers.n_workers:
        assert "Task execute_job" in containers.compose("logs", "worker")

    before = containers.counts()
    assert all(before)
    containers.compose("down")
    containers.up()
    assert containers.counts() == before
    assert "one that this code knows" in containers.compose("exec", "-T", "code", "joulehouse", "warehouse", "status")
