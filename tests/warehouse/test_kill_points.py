"""kill -9 at every step of a pull and a load, enumerated: the partition is wholly old or wholly new, and heals.

A child is forked for the first step, then one for the second, and so on until a child comes to its end. Before and
after every round trip to the server (a statement, a block of COPY, BEGIN, COMMIT) and every file operation of the
landing zone there is a step; in the middle of every file's bytes there is one more.
"""

import hashlib
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import psycopg
import pytest

from tests.fakes.forked import ended, fork, replace_in_child
from tests.fakes.points import DAY, Said, batch, payload, table
from tests.fakes.registers import rebuilt, stored
from tests.fakes.summaries import differences
from warehouse.landing import Landing
from warehouse.store import TimescaleWarehouse, open_warehouse

OLD: Final[Said] = (
    {("a", minute): float(minute) for minute in range(40)}
    | {("m", minute): "on" for minute in range(5)}
    | {("register", minute): 5e6 + 10.0 * minute for minute in range(0, 60, 5)}
)
NEW: Final[Said] = (
    {key: value for key, value in OLD.items() if key not in {("a", 3), ("m", 4)}}
    | {("a", 5): 55.0, ("m", 2): "off"}
    | {("a", 100): 1.0, ("b", 7): 7.0, ("m", 9): "on"}
    | {("register", 30): 0.0, ("register", 60): 5e6 + 600.0}
)
REGISTERS: Final = {"register": "energy_register"}
REJECTED: Final = (("{}", "no_time", "ab" * 32),)
FEWEST_POINTS: Final = 60
ENDS: Final = 3


class Steps:
    """Counts steps in this process, and ends it at one of them as a power cut would."""

    def __init__(self, fatal: int) -> None:
        self._left = fatal

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.step()
            result = call(*arguments, **named)
            self.step()
            return result

        return counted

    def install(self) -> None:
        """Only ever called in a child: nothing is put back."""
        replace_in_child(psycopg.Connection, "wait", self.around(psycopg.Connection.wait))
        for name in ("open", "fsync", "replace"):
            replace_in_child(os, name, self.around(getattr(os, name)))
        fdopen = os.fdopen
        replace_in_child(os, "fdopen", lambda descriptor, mode: _Halves(fdopen(descriptor, mode), self.step))


class _Halves:
    """A file whose every write happens in two halves."""

    def __init__(self, file: Any, step: Callable[[], None]) -> None:
        self._file, self._step = file, step

    def write(self, content: bytes) -> None:
        for half in (content[: len(content) // 2], content[len(content) // 2 :]):
            self._step()
            self._file.write(half)
            self._file.flush()
        self._step()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _ingest(warehouse: TimescaleWarehouse, source: str, said: Said) -> tuple[int, int]:
    """A pull of two pages, continued where an earlier one stopped, and its load: points written and unchanged."""
    pull = warehouse.begin_pull(source, DAY)
    done = pull.progress["p"].page if "p" in pull.progress else 0
    if done < 1:
        pull.keep(payload(f"{source} page 1".encode() * 20, 1, "token"))
    if done < 2:
        pull.keep(payload(f"{source} page 2 {len(said)}".encode() * 20, 2))
    pull.finish(n_requests=2)
    landed = warehouse.payloads(source, DAY)
    assert [one.page for one in landed] == [1, 2]
    rows = list(said.items())
    halves = (dict(rows[:20]), dict(rows[20:]))
    batches = [batch(halves[0], quantities=REGISTERS), batch(halves[1], rejected=REJECTED, quantities=REGISTERS)]
    report = warehouse.load(source, DAY, landed, batches)
    return report.n_written, report.n_unchanged


def _killed(database: str, landing: Path, source: str, said: Said, fatal: int) -> bool:
    """Ingest in a child that dies at step `fatal`; False if it came to its end before."""

    def child() -> None:
        Steps(fatal).install()
        with open_warehouse(database, landing) as warehouse:
            _ingest(warehouse, source, said)

    status = ended(fork(child))
    assert status in {0, -signal.SIGKILL}
    return status != 0


def _settle(connection: psycopg.Connection, source: str) -> None:
    """Wait until the dead child's session has ended its transaction: it holds the day's lock until then."""
    with connection.transaction():
        key = "joulehouse load " + source + " " + DAY.day.isoformat()
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _check_ledger(connection: psycopg.Connection, source: str, n_points: int) -> None:
    """The newest committed row says what the table holds, and every revision belongs to a committed load."""
    row = connection.execute(
        "SELECT coalesce(sum(n_inserted - n_removed), 0), coalesce(sum(n_changed + n_removed), 0) FROM load"
        " WHERE source = %s AND status = 'committed'",
        [source],
    ).fetchone()
    revised = connection.execute(
        "SELECT count(*) FROM measurement_revision JOIN series USING (series_id) WHERE source = %s", [source]
    ).fetchone()
    assert row is not None
    assert revised is not None
    assert (row[0], row[1]) == (n_points, revised[0])


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


# Half a minute each on two idle cores; a machine that is busy four times over must not look like a hung test.
@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("before", "after"), [({}, OLD), (OLD, NEW)], ids=["first load", "load with changes"])
def test_a_worker_killed_at_any_step_leaves_the_partition_whole(
    database: str, landing: Path, observer: psycopg.Connection, before: Said, after: Said
) -> None:
    n_points, n_ended, outcomes = 0, 0, []
    with open_warehouse(database, landing) as warehouse:
        # Two answers whose hashes begin alike share a folder, which is a few steps less: one end alone proves nothing.
        while n_ended < ENDS:
            source = f"source-{n_points + 1}-{n_ended}"
            if before:
                _ingest(warehouse, source, before)
            if not _killed(database, landing, source, after, n_points + 1):
                n_ended += 1
                continue
            n_points, n_ended = n_points + 1, 0

            _settle(observer, source)
            found = table(warehouse, source)
            assert differences(observer) == []
            assert found in (before, after), f"half a partition after step {n_points}"
            assert stored(database, source) == rebuilt(database, source), f"half of the intervals after step {n_points}"
            _check_ledger(observer, source, len(found))
            outcomes.append(found == after)

            n_written, n_unchanged = _ingest(warehouse, source, after)
            assert table(warehouse, source) == after
            assert stored(database, source) == rebuilt(database, source) != []
            assert n_unchanged == len(after) if found == after else n_written > 0
            _check_ledger(observer, source, len(after))

    assert n_points >= FEWEST_POINTS
    # Old until the commit, new from then on, and both were seen.
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {False, True}


def test_a_loader_that_commits_in_two_pieces_is_caught(
    database: str, landing: Path, observer: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tooth: with autocommit in place of the transaction, some step leaves half a partition."""
    monkeypatch.setattr(psycopg.Connection, "transaction", _no_transaction)
    halves = 0
    with open_warehouse(database, landing) as warehouse:
        for fatal in range(1, 400, 7):
            source = f"source-{fatal}"
            if not _killed(database, landing, source, NEW, fatal):
                break
            _settle(observer, source)
            halves += table(warehouse, source) not in ({}, NEW)

    assert halves > 0


class _NoTransaction:
    def __enter__(self) -> None:
        """Nothing begins."""

    def __exit__(self, *_: object) -> None:
        """Nothing ends."""


def _no_transaction(_: psycopg.Connection) -> _NoTransaction:
    return _NoTransaction()


def test_bytes_in_the_landing_zone_are_whole_or_absent_at_every_step(tmp_path: Path) -> None:
    body = b"an answer" * 1000
    sha256 = hashlib.sha256(body).hexdigest()

    def child(fatal: int) -> None:
        Steps(fatal).install()
        Landing(tmp_path / str(fatal)).keep("hub", body, sha256)

    n_points = 0
    while ended(fork(partial(child, n_points + 1))):
        n_points += 1
        root = tmp_path / str(n_points)
        for path in root.rglob("*.zst"):
            assert Landing(root).read(str(path.relative_to(root)), len(body), sha256) == body
        kept = Landing(root).keep("hub", body, sha256)
        assert Landing(root).read(kept, len(body), sha256) == body

    assert n_points >= 10
