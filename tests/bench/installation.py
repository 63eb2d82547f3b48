"""An installation to measure: the deployed product on a server with the durability that users get, and its twins."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil
import psycopg

from resources.settings import PROJECT
from sandbox.running import Sandbox
from sandbox.twin import Twin
from tests.fakes.dagster_stack import clone_of_the_house
from tests.fakes.demo import PROGRAM, environment_of
from tests.fakes.deployed_stack import DeployedStack, history_on
from warehouse.embedded import EmbeddedWarehouse
from warehouse.server import create_database, with_database

LATENCY_SECONDS: Final = 0.05
"""Of a twin, before the first byte of each answer."""


@contextmanager
def own_server() -> Iterator[EmbeddedWarehouse]:
    """A server of the measurement's own, until the block ends."""
    with TemporaryDirectory(prefix="joulehouse-bench-") as folder:
        embedded = EmbeddedWarehouse(Path(folder))
        try:
            embedded.start()
            yield embedded
        finally:
            embedded.remove()


@contextmanager
def installation(
    embedded: EmbeddedWarehouse,
    sources: Mapping[str, str],
    variables: Mapping[str, str],
    *,
    name: str,
    checkout: Path = PROJECT,
) -> Iterator[DeployedStack]:
    """Everything on `embedded`, its schema made, and Dagster not yet started; it is stopped when the block ends.

    Args:
        embedded: The server, which runs.
        sources: Slug → defs.yaml.
        variables: Of the accounts.
        name: Of its databases, which no other on the server has.
        checkout: Whose code runs: it makes its own schema, and has its own settings of Dagster.
    """
    with TemporaryDirectory(prefix="joulehouse-bench-") as folder:
        home = Path(folder)
        create_database(embedded.admin_url, f"warehouse_{name}", owner="joulehouse")
        history, of_history = history_on(embedded.admin_url, f"dagster_{name}")
        environment = environment_of(home, **variables) | {
            **of_history,
            "WAREHOUSE_URL": with_database(embedded.url, f"warehouse_{name}"),
        }
        house = clone_of_the_house(home / "house", sources, checkout)
        stack = DeployedStack(home, house, environment, history)
        (home / "dagster").mkdir()
        stack.run(PROGRAM, "warehouse", "migrate")
        try:
            yield stack
        finally:
            stack.stop()


def shipped(checkout: Path = PROJECT) -> dict[str, str]:
    """The sources that ship: slug → defs.yaml."""
    return {file.parent.name: file.read_text("utf-8") for file in sorted((checkout / "assets").glob("*/defs.yaml"))}


def account(prefix: str, url: str, twin: Twin[Any]) -> dict[str, str]:
    """The variables `<prefix>_URL`, `<prefix>_PASSWORD` … that point a source at a twin, and let it in."""
    credentials = {name: getattr(twin.settings, name) for name in twin.settings.credentials}
    return {f"{prefix}_{name}".upper(): value for name, value in {"url": url + twin.path, **credentials}.items()}


def be_slow(sandbox: Sandbox) -> None:
    """From now on each answer of its twins comes `LATENCY_SECONDS` late."""
    for twin in sandbox.control.twins.values():
        twin.fault("latency", endpoint="any", seconds=LATENCY_SECONDS)


def points_asked(stack: DeployedStack, query: str, *values: object) -> list[Any]:
    """What the warehouse of an installation answers."""
    with psycopg.connect(stack.environment["WAREHOUSE_URL"], connect_timeout=10) as session:
        return session.execute(query.encode(), values or None).fetchall()


def last_commit(stack: DeployedStack, since: datetime) -> datetime:
    """When the last load was committed, of those since."""
    [(moment,)] = points_asked(
        stack, "SELECT max(loaded_at) FROM load WHERE status = 'committed' AND loaded_at >= %s", since
    )
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def processor_seconds(processes: Sequence[psutil.Process]) -> float:
    """Of processes, and of all that each of them has started and that is over."""
    total = 0.0
    for process in processes:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total


def of_command(stack: DeployedStack, *command: str) -> float:
    """Processor seconds of a program that an installation runs to its end, and of all that it starts."""
    before = os.times()
    stack.run(*command)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def earlier_build() -> Path | None:
    """The worktree of an earlier build, which `BEFORE` names."""
    named = os.environ.get("BEFORE")
    return Path(named).resolve() if named else None


def load_of_machine() -> str:
    """What else there was to do, for the report."""
    return f"load average {os.getloadavg()[0]:.1f} of {psutil.cpu_count()} processors"
