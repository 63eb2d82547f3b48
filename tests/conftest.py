"""What every test may ask for: a real TimescaleDB, an empty database on it, and one with the schema.

One server per run, shared by all workers: the first who needs it starts it, the last who is done removes it. Its
commits need not survive a power cut, hence it is quick. Tests connect as the role that production uses, no superuser.
"""

import fcntl
import gc
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from tests.fakes import shared_server
from tests.fakes.counting_relay import CountingRelay
from tests.fakes.object_stores import KINDS, Emulator, Kind, Store, emulator, settings
from tests.fakes.shared_server import freeze_database
from warehouse.embedded import EmbeddedWarehouse
from warehouse.server import create_database, drop_database, with_database
from warehouse.store import TimescaleWarehouse, open_warehouse

# Half an hour of daylight saving time, at +10:30 and +11: whoever forgets to say UTC is found out.
os.environ["TZ"] = "Australia/Lord_Howe"
time.tzset()

# How long one example takes is the machine's affair, which may be busy with something else.
hypothesis_settings.register_profile("busy", deadline=None)
hypothesis_settings.load_profile("busy")

# A shell's `command &` hands down an ignored SIGINT, which Dagster copies to SIGTERM, and our children inherit both.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A person's own settings must never lead a test to their database.
for _name in [name for name in os.environ if name.startswith(("PG", "DAGSTER_PG_", "WAREHOUSE_", "LANDING_"))]:
    del os.environ[_name]

_TEMPLATE = "with_schema"
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long tests are begun first."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What is imported stays: no collection of garbage need look at it again, here or in the children that we fork."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def package_cache() -> Path:
    """Where fetched packages are kept between runs: the same place as outside of tests."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "joulehouse"


@pytest.fixture(scope="session")
def _run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "server"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def _server_home(_run_folder: Path, package_cache: Path) -> Iterator[Path]:
    """Where this run's server lives, for as long as anybody of the run needs it."""
    with _locked(_run_folder):
        shared_server.sweep(package_cache)
        home = shared_server.enter(_run_folder)
    yield home
    with _locked(_run_folder):
        shared_server.leave(_run_folder, package_cache)


@pytest.fixture(scope="session")
def warehouse_server(_server_home: Path, package_cache: Path) -> EmbeddedWarehouse:
    """The server of this run. Its own database stays empty: ask for `empty_database` or `database`."""
    warehouse = EmbeddedWarehouse(_server_home, cache=package_cache, durable=False)
    warehouse.start()
    return warehouse


@pytest.fixture
def empty_database(warehouse_server: EmbeddedWarehouse) -> Iterator[str]:
    """The URL of a fresh database without anything in it."""
    with _database(warehouse_server, template=None) as url:
        yield url


@pytest.fixture
def database(warehouse_server: EmbeddedWarehouse, _server_home: Path) -> Iterator[str]:
    """The URL of a fresh database with the schema and no rows."""
    with _locked(_server_home):
        if not (_server_home / "template").exists():
            _make_template(warehouse_server)
            (_server_home / "template").touch()
    with _database(warehouse_server, template=_TEMPLATE) as url:
        yield url


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Kind], Emulator]]:
    """The object stores of this process: each is started for whoever asks for it first."""
    folder = tmp_path_factory.mktemp("stores")
    started: dict[Kind, Emulator] = {}
    with ExitStack() as stack:

        def start(kind: Kind) -> Emulator:
            if kind not in started:
                started[kind] = stack.enter_context(emulator(kind, folder))
            return started[kind]

        yield start


@pytest.fixture(params=KINDS)
def store(
    request: pytest.FixtureRequest, emulators: Callable[[Kind], Emulator], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A bucket of the test's own in each object store, and the environment with which its driver finds it."""
    kind: Kind = request.param
    running = emulators(kind)
    with CountingRelay(running.port) as relay:
        for name, value in settings(kind, relay.port).items():
            monkeypatch.setenv(name, value)
        yield Store(kind, running.new_bucket(), relay)


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    """A warehouse without any row, and a landing zone in a folder of the test's."""
    with open_warehouse(database, tmp_path / "landing") as opened:
        yield opened


@contextmanager
def _database(server: EmbeddedWarehouse, *, template: str | None) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    create_database(server.admin_url, name, owner="joulehouse", template=template)
    try:
        yield with_database(server.url, name)
    finally:
        drop_database(server.admin_url, name)


def _make_template(server: EmbeddedWarehouse) -> None:
    # Imported here so that a broken schema fails the tests that need it and no other.
    from warehouse.schema import migrate  # noqa: PLC0415 - said above

    drop_database(server.admin_url, _TEMPLATE)
    create_database(server.admin_url, _TEMPLATE, owner="joulehouse")
    migrate(with_database(server.url, _TEMPLATE))
    freeze_database(server.admin_url, _TEMPLATE)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
