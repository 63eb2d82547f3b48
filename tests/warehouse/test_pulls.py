"""Pulls: kept page by page, continued after a crash, never shared, complete or not there."""

import os
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import psycopg
import pytest

from domain.errors import AccountingError, PayloadMissingError, StaleLoadError, WarehouseUnavailableError
from domain.records import Progress
from domain.window import Window
from tests.fakes.forked import ended, fork, together
from tests.fakes.points import DAY, batch, landed, payload
from warehouse.store import TimescaleWarehouse, open_warehouse


def test_a_finished_pull_is_what_payloads_returns(warehouse: TimescaleWarehouse) -> None:
    pull = warehouse.begin_pull("hub", DAY)
    kept = [
        replace(payload(b"1", 1, "next"), params={"odd\x00name": "'%s' {} \ud800"}),
        payload(b"2", 2),
        payload(b"1", 1, part="o"),
    ]
    for one in kept:
        pull.keep(one)
    report = pull.finish(n_requests=4)

    read = warehouse.payloads("hub", DAY)
    bodies = [(one.part, one.page, one.body) for one in read]
    assert bodies == [("o", 1, b"1"), ("p", 1, b"1"), ("p", 2, b"2")]
    assert (report.n_payloads, report.n_bytes, report.n_requests, report.is_resumed) == (3, 3, 4, False)
    assert (read.pull_id, read.proof, len(read.sha256s)) == (report.pull_id, "content-length", 3)
    first = next(one for one in read if one.part == "p")
    assert first == replace(kept[0], params={"odd\\x00name": "'%s' {} \\ud800"}, cursor=None)


def test_an_unfinished_pull_counts_for_nothing(warehouse: TimescaleWarehouse) -> None:
    warehouse.begin_pull("hub", DAY).keep(payload(b"{}"))

    with pytest.raises(PayloadMissingError, match=r"no complete pull of this window \(hub, 2026-03-29\)"):
        warehouse.payloads("hub", DAY)


def test_an_empty_pull_is_complete(warehouse: TimescaleWarehouse) -> None:
    report = warehouse.begin_pull("hub", DAY).finish(n_requests=1)

    assert (report.n_payloads, list(warehouse.payloads("hub", DAY))) == (0, [])


def test_the_newest_pull_that_covers_the_window_is_chosen(warehouse: TimescaleWarehouse) -> None:
    week = Window.of_days(date(2026, 3, 23), date(2026, 3, 29))
    landed(warehouse)
    newer = landed(warehouse, window=week)
    landed(warehouse, source="other")
    landed(warehouse, window=Window.of_day(date(2026, 3, 30)))

    assert warehouse.payloads("hub", DAY).pull_id == newer.pull_id


def test_an_interrupted_pull_is_continued_behind_its_last_page(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    with open_warehouse(database, tmp_path / "landing") as crashed:
        first = crashed.begin_pull("hub", DAY)
        first.keep(payload(b"1", 1, "token"))
        first.keep(payload(b"x", 1, part="done"))

    second = warehouse.begin_pull("hub", DAY)
    assert (second.pull_id, second.progress) == (first.pull_id, {"p": Progress(1, "token"), "done": Progress(1, None)})
    second.keep(payload(b"2", 2))
    assert second.finish(n_requests=1).is_resumed
    assert [one.body for one in warehouse.payloads("hub", DAY)] == [b"x", b"1", b"2"]


def test_one_object_goes_on_with_its_own_unfinished_pull(warehouse: TimescaleWarehouse) -> None:
    first = warehouse.begin_pull("hub", DAY)
    first.keep(payload(b"1", 1, "token"))

    assert warehouse.begin_pull("hub", DAY).pull_id == first.pull_id
    assert warehouse.begin_pull("hub", Window.of_day(date(2026, 3, 30))).pull_id != first.pull_id
    assert warehouse.begin_pull("other", DAY).pull_id != first.pull_id


def test_page_one_voids_the_earlier_pages_of_its_part(warehouse: TimescaleWarehouse) -> None:
    pull = warehouse.begin_pull("hub", DAY)
    pull.keep(payload(b"other", 1, part="q"))
    for page in (1, 2, 3):
        pull.keep(payload(b"old %d" % page, page, "token"))

    pull.keep(payload(b"new 1", 1, "token"))
    pull.keep(payload(b"new 2", 2))
    pull.finish(n_requests=6)

    assert [one.body for one in warehouse.payloads("hub", DAY)] == [b"new 1", b"new 2", b"other"]


def test_a_pull_of_a_living_process_is_never_continued_by_another(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    mine = warehouse.begin_pull("hub", DAY)
    with open_warehouse(database, tmp_path / "landing") as other:
        theirs = other.begin_pull("hub", DAY)
        theirs.keep(payload(b"theirs"))
        theirs.finish(n_requests=1)
    mine.keep(payload(b"mine"))
    mine.finish(n_requests=1)

    assert theirs.pull_id != mine.pull_id
    assert [one.body for one in warehouse.payloads("hub", DAY)] == [b"mine"]


def test_the_pull_that_was_finished_later_is_the_newer_one_whichever_began_first(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    slow = warehouse.begin_pull("hub", DAY)
    with open_warehouse(database, tmp_path / "landing") as other:
        quick = landed(other)
        other.load("hub", DAY, quick, [batch({("s", 0): 1.0})])
    slow.finish(n_requests=1)
    fresher = warehouse.payloads("hub", DAY)
    assert warehouse.load("hub", DAY, fresher, [batch({("s", 0): 2.0})]).n_changed == 1

    assert fresher.pull_id < quick.pull_id
    with pytest.raises(StaleLoadError, match=f"pull {slow.pull_id} is already loaded, which is newer"):
        warehouse.load("hub", DAY, quick, [batch({("s", 0): 1.0})])


def test_an_abandoned_pull_is_never_continued_and_a_paused_one_is(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    pull = warehouse.begin_pull("hub", DAY)
    pull.keep(payload(b"1", 1, "token"))
    pull.pause(n_requests=2)
    with open_warehouse(database, tmp_path / "landing") as other:
        again = other.begin_pull("hub", DAY)
        assert (again.pull_id, again.progress) == (pull.pull_id, {"p": Progress(1, "token")})
        again.abandon(n_requests=1)

    fresh = warehouse.begin_pull("hub", DAY)
    assert (fresh.pull_id != pull.pull_id, fresh.progress) == (True, {})
    with psycopg.connect(database) as connection:
        question = "SELECT n_requests, abandoned_at IS NOT NULL FROM pull WHERE pull_id = %s"
        assert connection.execute(question, [pull.pull_id]).fetchone() == (3, True)


def test_a_pull_abandoned_behind_the_back_of_its_holder_cannot_be_finished(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    pull = warehouse.begin_pull("hub", DAY)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE pull SET abandoned_at = now()")

    with pytest.raises(AccountingError, match="ended already"):
        pull.finish(n_requests=1)
    assert warehouse.begin_pull("hub", DAY).pull_id != pull.pull_id


def test_a_pull_of_another_provider_or_question_is_not_continued(warehouse: TimescaleWarehouse) -> None:
    first = warehouse.begin_pull("hub", DAY, fingerprint="one")
    first.keep(payload(b"1", 1, "token"))
    second = warehouse.begin_pull("hub", DAY, fingerprint="two")

    assert (second.pull_id != first.pull_id, second.progress) == (True, {})
    assert warehouse.begin_pull("hub", DAY, fingerprint="one").pull_id == first.pull_id


def test_the_requests_of_every_attempt_are_counted(warehouse: TimescaleWarehouse) -> None:
    for n_requests in (3, 4):
        warehouse.begin_pull("hub", DAY).pause(n_requests=n_requests)
    pull = warehouse.begin_pull("hub", DAY)
    pull.keep(payload(b"{}"))
    report = pull.finish(n_requests=5)
    warehouse.load("hub", DAY, warehouse.payloads("hub", DAY), [batch({("s", 0): 1.0})])

    assert (report.n_requests, report.is_resumed) == (12, True)
    assert [total.n_requests for total in warehouse.ledger.totals()] == [12]


def test_a_forked_child_has_a_session_and_pulls_of_its_own(warehouse: TimescaleWarehouse) -> None:
    mine = warehouse.begin_pull("hub", DAY)

    def child() -> None:
        with pytest.raises(WarehouseUnavailableError):
            mine.keep(payload(b"the child's"))
        theirs = warehouse.begin_pull("hub", DAY)
        assert theirs.pull_id != mine.pull_id
        theirs.keep(payload(b"theirs"))
        theirs.finish(n_requests=1)
        warehouse.close()

    assert ended(fork(child)) == 0
    mine.keep(payload(b"mine"))
    mine.finish(n_requests=1)
    assert [one.body for one in warehouse.payloads("hub", DAY)] == [b"mine"]


def test_a_child_that_only_closes_leaves_its_parents_pull_alone(warehouse: TimescaleWarehouse) -> None:
    mine = warehouse.begin_pull("hub", DAY)

    assert ended(fork(warehouse.close)) == 0
    mine.keep(payload(b"mine"))


def test_an_interrupted_pull_that_was_overtaken_is_not_continued(warehouse: TimescaleWarehouse, database: str) -> None:
    old = warehouse.begin_pull("hub", DAY)
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO pull (source, window_start, window_end, finished_at, finish_number)"
            " VALUES ('hub', %s, %s, now(), nextval('pull_finish_number'))",
            [DAY.start, DAY.end],
        )

    assert warehouse.begin_pull("hub", DAY).pull_id > old.pull_id + 1


def test_a_pull_older_than_a_day_is_not_continued(warehouse: TimescaleWarehouse, database: str) -> None:
    old = warehouse.begin_pull("hub", DAY)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE pull SET started_at = started_at - interval '25 hours'")

    assert warehouse.begin_pull("hub", DAY).pull_id != old.pull_id


def test_a_page_that_was_left_out_is_noticed(warehouse: TimescaleWarehouse) -> None:
    pull = warehouse.begin_pull("hub", DAY)
    pull.keep(payload(b"1", 1, "token"))

    with pytest.raises(AccountingError, match="page 3 of part 'p' follows page 1"):
        pull.keep(payload(b"3", 3))


def test_a_pull_with_an_open_part_cannot_be_finished(warehouse: TimescaleWarehouse) -> None:
    pull = warehouse.begin_pull("hub", DAY)
    pull.keep(payload(b"1", 1, "token"))

    with pytest.raises(AccountingError, match="1 parts are not at their last page, the first is 'p'"):
        pull.finish(n_requests=1)


def test_a_pull_is_finished_once(warehouse: TimescaleWarehouse) -> None:
    pull = warehouse.begin_pull("hub", DAY)
    pull.finish(n_requests=1)

    with pytest.raises((AccountingError, WarehouseUnavailableError)):
        pull.finish(n_requests=1)


def test_a_pull_whose_session_was_lost_keeps_nothing_more(warehouse: TimescaleWarehouse, database: str) -> None:
    """Otherwise a process that hung could write into a pull that another one has taken over."""
    pull = warehouse.begin_pull("hub", DAY)
    pull.keep(payload(b"1", 1, "token"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )

    for _ in range(2):
        with pytest.raises(WarehouseUnavailableError):
            pull.keep(payload(b"2", 2))
    assert warehouse.begin_pull("hub", DAY).progress == {"p": Progress(1, "token")}


def test_a_damaged_answer_stops_the_reading(warehouse: TimescaleWarehouse, tmp_path: Path) -> None:
    read = landed(warehouse)
    (path,) = (tmp_path / "landing").rglob("*.zst")
    path.write_bytes(b"")

    with pytest.raises(PayloadMissingError, match="damaged"):
        list(read)


def test_eight_processes_pulling_one_window_never_share_a_pull(database: str, tmp_path: Path) -> None:
    def pull() -> int:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            mine = warehouse.begin_pull("hub", DAY)
            mine.keep(payload(b"%d" % os.getpid()))
            return mine.finish(n_requests=1).pull_id

    ids = together([pull] * 8)

    assert len(set(ids)) == 8
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        newest = warehouse.payloads("hub", DAY).pull_id
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT pull_id FROM pull ORDER BY finish_number DESC").fetchone() == (newest,)


def test_a_pull_killed_with_its_process_is_continued(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    assert ended(fork(partial(_keep_and_die, database, tmp_path))) == -9

    _wait_for_nobody_else(database)
    assert warehouse.begin_pull("hub", DAY).progress == {"p": Progress(2, "token")}


def _keep_and_die(database: str, tmp_path: Path) -> None:
    pull = open_warehouse(database, tmp_path / "landing").begin_pull("hub", DAY)
    pull.keep(payload(b"1", 1, "token"))
    pull.keep(payload(b"2", 2, "token"))
    os.kill(os.getpid(), 9)


def _wait_for_nobody_else(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        question = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        while connection.execute(question).fetchone() != (0,):
            connection.execute("SELECT pg_sleep(0.01)")
