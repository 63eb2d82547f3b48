"""The product on several hosts, as far as one can be several: each worker has a host's name and a /tmp of its own.

The database's server, the broker, the code server, the webserver and the daemon are processes on loopback, which all
share; what the workers share beside it is the landing zone. Each can be ended as a host ends, and started again.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from pipelines.local.dagster_graphql import DagsterGraphQL
from pipelines.local.processes import HOST, LoopbackServer, Process, poll
from pipelines.schedules import RANGE_END, RANGE_START
from resources.settings import PROJECT
from tests.fakes.broker import PASSWORD, Broker, Worker, running_broker, running_worker
from tests.fakes.dagster_stack import clone_of_the_house
from tests.fakes.demo import PROGRAM, environment_of
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.host import free_port
from warehouse.schema import migrate
from warehouse.server import create_database, ensure_database, with_database

_PROGRAMS = Path(PROGRAM).parent
_START_SECONDS = 180.0
_PASSWORD = "of-the-proof"
OF_ANOTHER_HOST: Final = 'hostname "$0" && mount -t tmpfs tmpfs /tmp && exec "$@"'


@dataclass
class WorkerStack:
    """Everything but the workers, which come and go.

    Attributes:
        place: A folder outside of /tmp.
        clone: The project's code with the proof's sources.
        broker: The broker.
        url: The warehouse.
        environment: What all inherit.
        history: Where Dagster's history is.
    """

    place: Path
    clone: Path
    broker: Broker
    url: str
    history: str
    environment: dict[str, str]
    dagster: DagsterGraphQL = field(init=False)

    def start(self, places: int) -> None:
        """Start what docker-compose.yml starts, for this many runs at a time; what runs is ended first."""
        self.stop()
        self.environment["WORKER_PLACES"] = str(places)
        home, port, ui = self._home, free_port(), free_port()
        home.mkdir(exist_ok=True)
        shutil.copy(PROJECT / "pipelines" / "instance" / "workers" / "dagster.yaml", home)
        at = f"{{host: {HOST}, port: {port}, location_name: joulehouse}}"
        (home / "workspace.yaml").write_text(f"load_from: [{{grpc_server: {at}}}]\n")
        self.environment["CODE_PORT"] = str(port)
        self.start_code()
        workspace = str(home / "workspace.yaml")
        self._start("webserver", [sys.executable, "-m", "pipelines.webserver", "--port", str(ui), "-w", workspace])
        self.dagster = DagsterGraphQL(LoopbackServer(ui, "the webserver", str(self._process("webserver").log)))
        for _ in poll(_START_SECONDS, every=0.2):
            if self.dagster.server.is_up("/server_info") and not self.dagster.location_error():
                break
        else:
            raise AssertionError(self._process("webserver").tail())
        self._start("daemon", [str(_PROGRAMS / "dagster-daemon"), "run", "-w", workspace])

    def start_code(self) -> None:
        """Start the code server where it has been, or will be."""
        port = self.environment["CODE_PORT"]
        options = ["-h", HOST, "-p", port, "-m", "pipelines.definitions", "-d", str(self.clone)]
        command = [str(_PROGRAMS / "dagster"), "api", "grpc", *options, "--inject-env-vars-from-instance"]
        self._start("code-server", command)
        log = self._process("code-server")
        assert any(
            "Started Dagster code server" in log.log.read_text("utf-8") for _ in poll(_START_SECONDS, every=0.2)
        ), log.tail()

    def kill_code(self) -> None:
        """End the code server at once."""
        pid = self._process("code-server").pid
        assert pid is not None, self._process("code-server").tail()
        os.kill(pid, 9)

    def stop(self) -> None:
        """End Dagster's processes."""
        for name in ("daemon", "webserver", "code-server"):
            self._process(name).stop()

    @contextmanager
    def worker(self, number: int) -> Iterator[Worker]:
        """A worker of one place on a host of its own."""
        name, home = f"worker-{number}", self.place / f"worker-{number}"
        own = {"JOULEHOUSE_HOME": str(home), "DAGSTER_HOME": "", "TMPDIR": "/tmp"}  # noqa: S108 — it is the host's own
        within = ["unshare", "--uts", "--mount", "--propagation", "private"]
        within += [] if os.geteuid() == 0 else ["--map-root-user"]
        command = [*within, "sh", "-c", OF_ANOTHER_HOST, name]
        with running_worker(home, self.environment | own, within=command) as worker:
            yield worker

    def launch(self, source: str, day: str) -> str:
        """Queue a run of one day of `source`; its id."""
        assets = [f"{source}/{name}" for name in ("payloads", "measurements")]
        return self.dagster.launch_run(assets, {RANGE_START: day, RANGE_END: day})

    def host_of(self, run_id: str) -> str:
        """The name of the host that works at a run, as its lease has it; empty where none does."""
        rows = self._rows(
            self.url, "SELECT substring(holder FROM ' on (\\S+)') FROM run_lease WHERE run_id = %s", run_id
        )
        return rows[0][0] if rows else ""

    def statuses(self, day: str) -> list[str]:
        """How each run of the day stands, those that Dagster has started again among them."""
        query = (
            "SELECT status FROM runs JOIN run_tags USING (run_id) WHERE run_tags.key = %s AND run_tags.value = %s"
            " ORDER BY runs.id"
        )
        return [status for (status,) in self._rows(self.history, query, RANGE_START, day)]

    def wait(self, n_days: int, day: str, seconds: float) -> None:
        """Wait until so many sources have the day and no run is under way."""
        for _ in poll(seconds, every=0.5):
            is_over = set(self.statuses(day)) <= {"SUCCESS", "FAILURE", "CANCELED"}
            if is_over and self.loads(day)[0] >= n_days:
                return
            if self.statuses(day).count("FAILURE") > n_days:
                break
        query = (
            "SELECT event FROM event_logs JOIN runs USING (run_id) WHERE status = 'FAILURE' AND event LIKE %s LIMIT 1"
        )
        why = self._rows(self.history, query, "%SerializableErrorInfo%")
        logs = [self._process("daemon").log, *self.place.glob("worker-*/worker.log")]
        said = "\n".join(log.read_text("utf-8")[-3000:] for log in logs)
        raise AssertionError(f"{self.loads(day)} of {n_days} days, {self.statuses(day)} {why}\n{said}")

    def loads(self, day: str) -> tuple[int, int]:
        """Sources whose day is committed, and loads of it."""
        query = "SELECT count(DISTINCT source), count(*) FROM load WHERE status = 'committed' AND window_start = %s"
        [(n_days, n_loads)] = self._rows(self.url, query, f"{day} 00:00:00+00")
        return n_days, n_loads

    def span(self, day: str) -> float:
        """Seconds from the start of the first run to the last commit of the day."""
        query = "SELECT min(start_time) FROM runs JOIN run_tags USING (run_id) WHERE key = %s AND value = %s"
        [(began,)] = self._rows(self.history, query, RANGE_START, day)
        query = "SELECT extract(EPOCH FROM max(loaded_at))::float8 FROM load WHERE window_start = %s"
        [(ended,)] = self._rows(self.url, query, f"{day} 00:00:00+00")
        return float(ended) - float(began)

    def points(self, day: str) -> dict[str, int]:
        """Source → points of the day."""
        query = (
            "SELECT source, count(*) FROM measurement JOIN series USING (series_id)"
            " WHERE measured_at >= %s AND measured_at < %s::timestamptz + INTERVAL '1 day' GROUP BY source"
        )
        return dict(self._rows(self.url, query, *[f"{day} 00:00:00+00"] * 2))

    @property
    def _home(self) -> Path:
        return self.place / "dagster"

    def _rows(self, url: str, query: str, *values: object) -> list[Any]:
        with psycopg.connect(url, connect_timeout=10) as session:
            return session.execute(query.encode(), values or None).fetchall()

    def _process(self, name: str) -> Process:
        return Process(name, self.place / "run")

    def _start(self, name: str, command: Sequence[str]) -> None:
        variables = self.environment | {"DAGSTER_HOME": str(self._home), "JOULEHOUSE_HOME": str(self.place / "home")}
        self._process(name).start(command, cwd=self._home, environment=variables)


@contextmanager
def worker_stack(
    place: Path, cache: Path, sources: Mapping[str, str], variables: Mapping[str, str], *, page_rows: int
) -> Iterator[WorkerStack]:
    """A server, a broker and what is to be started, until the block ends.

    Args:
        place: A folder outside of /tmp, which no worker sees.
        cache: Of packages.
        sources: Slug → its defs.yaml.
        variables: Of the accounts.
        page_rows: Documents that the Export Service is asked for at a time, in place of ten thousand.
    """
    with ExitStack() as stack:
        server = EmbeddedWarehouse(place / "server", cache=cache, durable=False)
        stack.callback(server.remove)
        server.start()
        create_database(server.admin_url, "warehouse", owner="joulehouse")
        url = with_database(server.url, "warehouse")
        migrate(url)
        ensure_database(server.admin_url, "dagster", "dagster", _PASSWORD)
        history = psycopg.conninfo.conninfo_to_dict(server.admin_url)
        broker = stack.enter_context(running_broker(place / "redis"))
        clone = clone_of_the_house(place / "house", sources)
        facts = clone / "providers" / "export_service" / "spec.py"
        text = facts.read_text("utf-8")
        assert "PAGE_ROWS: Final = 10_000" in text
        facts.write_text(text.replace("PAGE_ROWS: Final = 10_000", f"PAGE_ROWS: Final = {page_rows}"), "utf-8")
        login = {"user": "dagster", "password": _PASSWORD, "dbname": "dagster"}
        environment = environment_of(place / "home", **variables) | {
            "PYTHONPATH": str(clone),
            "WAREHOUSE_URL": url,
            "LANDING_URL": str(place / "landing"),
            "BROKER_URL": broker.url,
            "BROKER_PASSWORD": PASSWORD,
            "DAGSTER_PG_HOST": str(history["host"]),
            "DAGSTER_PG_PORT": str(history["port"]),
            "DAGSTER_PG_USER": login["user"],
            "DAGSTER_PG_PASSWORD": login["password"],
            "DAGSTER_PG_DB": login["dbname"],
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DAGSTER_EVENT_BATCH_SIZE": "100",
            "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",
        }
        conninfo = psycopg.conninfo.make_conninfo(host=history["host"], port=history["port"], **login)
        running = WorkerStack(place, clone, broker, url, conninfo, environment)
        stack.callback(running.stop)
        yield running
