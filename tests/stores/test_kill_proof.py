"""kill -9 of four processes that land the same days at once: what is indexed is whole, and nothing has to be done.

A moment is a number of requests that the store has got from all four. Two of them land what the other two do, so that
answers are put twice at once, known and damaged ones are met, and pulls of the dead are continued by the living.
"""

import itertools
import os
import signal
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

import psycopg
import pytest

from domain.errors import StaleLoadError
from domain.window import Window
from tests.fakes.forked import ended, fork
from tests.fakes.object_stores import Store
from tests.fakes.points import DAY, Said, batch, payload
from warehouse.landing import BodyState, Landing
from warehouse.store import TimescaleWarehouse, open_warehouse

DAYS: Final = [Window.of_day(DAY.day + timedelta(days=n)) for n in range(3)]
SOURCES: Final = ("hub", "hub", "meter", "meter")
PAGES: Final = 6


def said(source: str, day: Window) -> Said:
    return {(f"{source}-{key}", minute): float(minute + day.day.day) for key in "ab" for minute in range(30)}


def land(warehouse: TimescaleWarehouse, source: str, day: Window) -> int:
    """A pull, continued where another stopped, and its load; the rows that it wrote."""
    pull = warehouse.begin_pull(source, day)
    done = pull.progress["p"].page if "p" in pull.progress else 0
    for page in range(done + 1, PAGES + 1):
        body = f"{source} {day} {page} ".encode() * 200
        pull.keep(payload(body, page, "next" if page < PAGES else None, window=day))
    pull.finish(n_requests=PAGES)
    return warehouse.load(source, day, warehouse.payloads(source, day), [batch(said(source, day), day)]).n_written


def land_on(database: str, url: str, source: str, days: list[Window]) -> None:
    """Until the process dies."""
    with open_warehouse(database, url) as warehouse:
        for day in itertools.cycle(days):
            with suppress(StaleLoadError):  # another process has loaded a newer pull
                land(warehouse, source, day)


def killed_at(n_requests: int, days: list[Window], database: str, store: Store) -> None:
    """Four processes, killed when the store has got so many requests more."""
    until = len(store.relay.asked) + n_requests
    children = [
        fork(partial(land_on, database, store.url, source, days[n % len(days) :] + days[: n % len(days)]))
        for n, source in enumerate(SOURCES)
    ]
    patience = time.monotonic() + 60
    while len(store.relay.asked) < until and time.monotonic() < patience:
        time.sleep(0.001)
    for child in children:
        os.kill(child, signal.SIGKILL)
    assert [ended(child) for child in children] == [-signal.SIGKILL] * 4
    assert len(store.relay.asked) >= until


def check(database: str, url: str) -> int:
    """How many payloads are indexed, all of them whole."""
    landing = Landing(url)
    with psycopg.connect(database) as connection:
        indexed = connection.execute("SELECT path, n_bytes, sha256 FROM payload").fetchall()
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda row: landing.state(*row), indexed))
    assert set(states) <= {BodyState.WHOLE}
    return len(indexed)


def prove(moments: Iterable[int], days: list[Window], database: str, store: Store) -> None:
    for n_requests in moments:
        killed_at(n_requests, days, database, store)
        check(database, store.url)
    with open_warehouse(database, store.url) as warehouse:
        for source, day in itertools.product(set(SOURCES), days):
            land(warehouse, source, day)
            assert land(warehouse, source, day) == 0
    assert check(database, store.url) >= len(days) * PAGES * 2
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT source, key, measured_at, value FROM measurement INNER JOIN series USING (series_id)"
        ).fetchall()
    expected = {
        (source, key, day.start + timedelta(minutes=minute), value)
        for source in SOURCES
        for day in days
        for (key, minute), value in said(source, day).items()
    }
    assert len(found) == len(expected)
    assert set(found) == expected


def test_what_is_indexed_is_whole_after_four_processes_were_killed(database: str, store: Store) -> None:
    prove([19], DAYS[:1], database, store)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_what_is_indexed_is_whole_after_kills_at_twenty_moments(database: str, store: Store) -> None:
    prove(range(3, 3 + 20 * 7, 7), DAYS, database, store)
