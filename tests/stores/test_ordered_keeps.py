"""Answers are put side by side and indexed in order; nothing is indexed that is not kept."""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from upath import UPath

from domain.errors import WarehouseUnavailableError
from domain.records import BodyFile, Progress, PullReport
from tests.fakes.object_stores import Store
from tests.fakes.points import DAY, payload
from warehouse.object_store import ObjectStore
from warehouse.pulls import TimescalePull
from warehouse.store import TimescaleWarehouse, open_warehouse

BODIES = [b"answer %d " % n * 50 for n in range(40)]


@pytest.fixture
def warehouse(database: str, store: Store) -> Iterator[TimescaleWarehouse]:
    with open_warehouse(database, store.url) as opened:
        kept(opened.begin_pull("other", DAY), [b"connects both of them"])
        yield opened


def kept(pull: TimescalePull, bodies: list[bytes]) -> PullReport:
    for n, body in enumerate(bodies, start=1):
        pull.keep(payload(body, n, "next" if n < len(bodies) else None))
    return pull.finish(n_requests=len(bodies))


def rate(warehouse: TimescaleWarehouse, store: Store, *, seconds: float) -> float:
    """Keeps a second, where a request takes so long."""
    store.relay.seconds = seconds
    started = time.monotonic()
    kept(warehouse.begin_pull("hub", DAY), BODIES)
    taken = time.monotonic() - started
    store.relay.seconds = 0
    return len(BODIES) / taken


def test_answers_are_put_side_by_side_and_indexed_in_the_order_of_their_pages(
    warehouse: TimescaleWarehouse, database: str, store: Store
) -> None:
    rate(warehouse, store, seconds=0.1)
    assert store.relay.most_at_once >= 3
    with psycopg.connect(database) as connection:
        pages = connection.execute("SELECT page FROM payload WHERE n_bytes > 100 ORDER BY payload_id").fetchall()
    assert pages == [(n,) for n in range(1, len(BODIES) + 1)]
    assert [one.body for one in warehouse.payloads("hub", DAY)] == BODIES


@pytest.mark.prove
def test_forty_answers_a_second_and_more_are_kept_where_a_request_takes_20_ms(
    warehouse: TimescaleWarehouse, store: Store
) -> None:
    assert rate(warehouse, store, seconds=0.02) >= 40


def test_a_new_answer_is_put_by_one_request_and_a_known_one_read_by_one_and_mended(
    warehouse: TimescaleWarehouse, store: Store
) -> None:
    for verbs in ({"PUT", "POST"}, {"GET"}):
        pull = warehouse.begin_pull("hub", DAY)
        store.relay.asked.clear()
        kept(pull, BODIES[:5])
        assert len(store.relay.asked) == 5
        assert {one.method for one in store.relay.asked} <= verbs

    sha256 = hashlib.sha256(BODIES[2]).hexdigest()
    ObjectStore(UPath(store.url)).put(f"hub/{sha256[:2]}/{sha256}.zst", b"damaged")
    kept(warehouse.begin_pull("hub", DAY), BODIES[:5])
    assert [one.body for one in warehouse.payloads("hub", DAY)] == BODIES[:5]


def test_a_keep_that_fails_fails_the_pull_with_its_own_sentence_and_nothing_behind_it_is_indexed(
    warehouse: TimescaleWarehouse, store: Store
) -> None:
    sha256 = hashlib.sha256(BODIES[3]).hexdigest()
    store.relay.refuses = lambda one: sha256 in one.path or sha256.encode() in one.start
    pull = warehouse.begin_pull("hub", DAY)
    with pytest.raises(WarehouseUnavailableError, match=f"cannot be written .*payload {sha256[:12]} of hub"):
        kept(pull, BODIES)
    pull.pause(n_requests=4)

    store.relay.refuses = lambda _: False
    again = warehouse.begin_pull("hub", DAY)
    assert (again.pull_id, again.progress) == (pull.pull_id, {"p": Progress(3, "next")})
    for n in range(3, len(BODIES)):
        again.keep(payload(BODIES[n], n + 1, "next" if n + 1 < len(BODIES) else None))
    again.finish(n_requests=1)
    assert [one.body for one in warehouse.payloads("hub", DAY)] == BODIES


def test_what_is_under_way_when_a_pull_is_paused_is_kept_and_not_asked_for_again(
    warehouse: TimescaleWarehouse, store: Store
) -> None:
    store.relay.seconds = 0.1
    pull = warehouse.begin_pull("hub", DAY)
    for n in range(1, 6):
        pull.keep(payload(BODIES[n], n, "next"))
    pull.pause(n_requests=5)
    store.relay.seconds = 0
    again = warehouse.begin_pull("hub", DAY)
    assert (again.pull_id, again.progress) == (pull.pull_id, {"p": Progress(5, "next")})


def test_a_file_is_kept_when_keep_returns(warehouse: TimescaleWarehouse, store: Store, tmp_path: Path) -> None:
    store.relay.seconds = 0.02
    body = os.urandom(1000)
    (tmp_path / "body").write_bytes(body)
    file = BodyFile(tmp_path / "body", len(body), hashlib.sha256(body).hexdigest())
    pull = warehouse.begin_pull("hub", DAY)
    pull.keep(payload(b"first", 1, "next"))
    pull.keep(replace(payload(b"", 2), file=file))
    file.path.unlink()
    pull.finish(n_requests=2)
    assert [one.n_bytes for one in warehouse.payloads("hub", DAY)] == [5, 1000]
