"""A restart, a crash or an idle time-out of the database costs no day: nothing is lost, nothing doubled."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
import pytest

from assets.ingest import ingest_days
from domain.errors import WarehouseUnavailableError, WarehouseUnsuitableError
from domain.measurement import Normalized
from domain.records import Payload, Progress
from domain.window import Window
from resources.settings import Settings
from resources.warehouse import warehouse_address
from tests.fakes.outages import kill_backend, kill_server, meanwhile, restart
from tests.fakes.points import DAY, load
from tests.fakes.pooler import shown_as_standby
from tests.fakes.provider import FakeProvider, hourly
from tests.providers.export_service.harness import MIDNIGHT, hub
from warehouse.availability import Availability
from warehouse.budget import DatabaseBudget
from warehouse.connections import Address
from warehouse.embedded import EmbeddedWarehouse
from warehouse.schema import migrate
from warehouse.server import create_database, drop_database, with_database
from warehouse.sqlstates import translated
from warehouse.store import TimescaleWarehouse, open_warehouse

DAYS: Final = [date(2025, 6, day) for day in range(1, 9)]
DOCUMENTS: Final = [{"P_kW": 1 + n % 7, "timestamp": MIDNIGHT + n * 3_600_000} for n in range(24 * len(DAYS))]
SPAN: Final = Window.of_days(DAYS[0], DAYS[-1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, package_cache: Path) -> Iterator[EmbeddedWarehouse]:
    """A server that nobody else needs."""
    server = EmbeddedWarehouse(tmp_path_factory.mktemp("own") / "home", cache=package_cache, durable=False)
    server.start()
    create_database(server.admin_url, "template", owner="joulehouse")
    migrate(with_database(server.url, "template"))
    yield server
    server.remove()


@pytest.fixture
def url(server: EmbeddedWarehouse) -> Iterator[str]:
    server.start()
    create_database(server.admin_url, "disturbed", owner="joulehouse", template="template")
    yield with_database(server.url, "disturbed")
    server.start()
    drop_database(server.admin_url, "disturbed")


def backfilled(url: str, folder: Path, *, start_again: Callable[[], object] | None = None) -> None:
    """Load all days, and see that each is there once, as it was served."""
    with (
        open_warehouse(url, folder, restart=start_again) as warehouse,
        hub(DOCUMENTS, page_rows=10, reads_ahead=False) as made,
    ):
        made.twin.fault("latency", seconds=0.02)
        outcomes = list(ingest_days(DAYS, made.provider, warehouse, "hub"))
        assert [str(outcome.error) for outcome in outcomes if outcome.error] == []
        found = warehouse.reading.measurements("hub", SPAN)
        served = [1000.0 * float(document["P_kW"]) for document in DOCUMENTS]
        assert found["value"].tolist() == served
        entries = warehouse.ledger.entries("hub", SPAN)
        assert [entry.status for entry in entries if entry.n_inserted] == ["committed"] * len(DAYS)
        assert sum(entry.n_inserted for entry in entries) == len(served)


DISTURBANCES: Final = {"restart": restart, "a backend is killed": kill_backend}


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_a_server_that_goes_meanwhile_costs_no_day(
    server: EmbeddedWarehouse, url: str, tmp_path: Path, disturbance: str
) -> None:
    draw = random.Random(disturbance)
    moments = sorted(draw.uniform(0.1, 0.9) for _ in range(2))
    with meanwhile(partial(DISTURBANCES[disturbance], server), moments):
        backfilled(url, tmp_path)


def test_an_embedded_server_that_was_killed_is_started_again(
    server: EmbeddedWarehouse, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with meanwhile(partial(kill_server, server), [0.4]):
        backfilled(url, tmp_path, start_again=server.start)
    assert "the database is away, and waited for, for 10 minutes at most" in caplog.text
    assert "the database answers again" in caplog.text


def test_a_load_whose_session_is_ended_is_done_once_and_leaves_no_failure(database: str, tmp_path: Path) -> None:
    """Ended by the second day's row in the ledger, the last statement of its load; whoever looks on sees it once."""
    shown: list[date] = []
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("CREATE SEQUENCE entered")  # what is drawn from it stays drawn when its session ends
        owner.execute(
            "CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
            " IF nextval('entered') = 2 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
            " RETURN NEW; END $$"
        )
        owner.execute("CREATE TRIGGER end_session BEFORE INSERT ON load FOR EACH ROW EXECUTE FUNCTION end_session()")
    provider = FakeProvider({day: hourly(day) | hourly(day, series="cellar/P") for day in DAYS[:3]})
    with open_warehouse(database, tmp_path) as warehouse:
        outcomes = list(
            ingest_days(DAYS[:3], provider, warehouse, "roof", on_batch_of=lambda day: partial(see, shown, day))
        )
        assert [outcome.load.n_inserted for outcome in outcomes if outcome.load] == [48] * 3
        assert [entry.status for entry in warehouse.ledger.entries("roof", SPAN)] == ["committed"] * 3
    assert shown == sorted([*DAYS[:3], *DAYS[:3]])
    assert len(provider.asked) == 3


def see(shown: list[date], day: date, _: Normalized) -> None:
    shown.append(day)


def terminate(url: str) -> int:
    """End every session of this role but our own; how many they were. TimescaleDB's workers are a superuser's."""
    with psycopg.connect(url, autocommit=True) as own:
        rows = own.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        ).fetchall()
    return len(rows)


@dataclass
class Clock:
    """Seconds that go by only while somebody sleeps."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_a_database_that_never_answered_is_not_waited_for() -> None:
    clock = Clock()
    address = Address.of("postgresql://nobody@127.0.0.1:1/nothing")
    availability = Availability(address.place, address.connect, sleep=clock.sleep, clock=clock)
    with pytest.raises(WarehouseUnavailableError):
        availability.connect()
    assert clock.seconds == 0.0


def test_a_database_that_stays_away_is_waited_for_as_long_as_is_said_and_once(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock, there, away = Clock(), Address.of(database), Address.of("postgresql://nobody@127.0.0.1:1/nothing")
    addresses = [away, there]
    availability = Availability(
        there.place, lambda: next(reversed(addresses)).connect(), patience_seconds=600, sleep=clock.sleep, clock=clock
    )
    availability.connect().close()
    addresses.pop()
    with pytest.raises(WarehouseUnavailableError, match="for 10 minutes now"):
        availability.connect()
    assert clock.seconds == 600
    assert caplog.text.count("has been away for") == 19  # twice a minute
    with pytest.raises(WarehouseUnavailableError):
        availability.connect()
    assert clock.seconds == 600


def test_a_database_that_does_not_let_us_in_any_longer_is_not_waited_for(database: str) -> None:
    clock, there = Clock(), Address.of(database)
    addresses = [there, Address.of(with_database(database, "dropped"))]
    availability = Availability(there.place, lambda: addresses.pop(0).connect(), sleep=clock.sleep, clock=clock)
    availability.connect().close()
    with pytest.raises(WarehouseUnsuitableError):
        availability.connect()
    assert clock.seconds == 0.0


def test_a_primary_in_whose_place_a_standby_answers_is_waited_for(database: str) -> None:
    """A name, or a proxy, still leads to the server that was the primary before the fail-over."""
    clock = Clock()
    with shown_as_standby(database) as url:
        there, before = Address.of(database), Address.of(url)
        addresses = [there, before, before, there]
        availability = Availability(
            there.place, lambda: addresses.pop(0).connect(), patience_seconds=60, sleep=clock.sleep, clock=clock
        )
        availability.connect().close()
        with availability.connect() as connection:
            assert connection.info.parameter_status("in_hot_standby") == "off"
        assert (clock.seconds, addresses) == (0.1, [])
        addresses += [before] * 40
        with pytest.raises(WarehouseUnavailableError, match=r"a standby answers.*for 1 minutes now"):
            availability.connect()


def test_whoever_reads_from_a_standby_from_the_beginning_does_so(database: str) -> None:
    clock = Clock()
    with shown_as_standby(database) as url:
        address = Address.of(url)
        availability = Availability(address.place, address.connect, sleep=clock.sleep, clock=clock)
        for _ in range(2):
            availability.connect().close()
    assert clock.seconds == 0.0


def test_whatever_is_asked_after_all_sessions_ended_is_answered(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path) as warehouse:
        asks: list[Callable[[TimescaleWarehouse], object]] = [
            lambda asked: load(asked, {("a", 1): 1.0}).n_points,
            lambda asked: len(asked.ledger.days("hub")),
            lambda asked: len(asked.reading.measurements("hub", DAY)),
            lambda asked: len(asked.live.watermarks("hub")) + 1,
            lambda asked: len(asked.known_kinds("hub")),
        ]
        asks[0](warehouse)
        for ask in asks:
            assert terminate(database) > 0
            assert ask(warehouse) == 1


def test_a_server_that_says_that_it_recovers_is_waited_for_by_whoever_asks_first(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`kill -9` of a backend lets the server recover: it answers at once, and takes no sessions."""
    errors = [
        psycopg.OperationalError("connection failed: FATAL:  the database system is in recovery mode"),
        psycopg.OperationalError("connection failed: FATAL:  the database system is starting up"),
    ]

    def connect() -> psycopg.Connection:
        with translated("here"):
            if errors:
                raise errors.pop()
            return Address.of(database).connect()

    clock = Clock()
    Availability("here", connect, sleep=clock.sleep, clock=clock).connect().close()
    assert clock.seconds == 0.1
    assert warehouse_address(Settings({"WAREHOUSE_URL": database})) == database
    assert "the database answers again" in caplog.text


def test_a_budget_that_loses_its_session_while_a_provider_is_asked_costs_no_day(database: str, tmp_path: Path) -> None:
    provider = Budgeted({day: hourly(day) | hourly(day, series="cellar/P") for day in DAYS[:4]})
    provider.url = database
    with open_warehouse(database, tmp_path) as warehouse:
        outcomes = list(ingest_days(DAYS[:4], provider, warehouse, "roof"))
        assert [outcome.load.n_inserted for outcome in outcomes if outcome.load] == [48] * 4
        assert [day.reason for day in warehouse.ledger.days("roof")] == [None] * 4
        requests = [total.n_requests for total in warehouse.ledger.totals()]
    assert requests == [provider.n_requests], "a request that was sent is counted, whatever became of its session"


class Budgeted(FakeProvider):
    """Takes a slot before each page; all sessions end before the second page of the second day."""

    url: str

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        with DatabaseBudget(self.url, "fake", 1000.0) as budget:
            for payload in super().fetch(window, progress):
                if window == Window.of_day(DAYS[1]) and self.asked.count(window) == 1 and payload.part != "cellar/P":
                    budget.take()
                    terminate(self.url)
                budget.take()
                yield payload
