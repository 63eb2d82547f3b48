"""A landing zone on each real driver: its id, moving there and verifying, by requests that the least rights allow."""

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from domain.records import BodyFile
from domain.window import Window
from tests.fakes.object_stores import Store
from tests.fakes.points import landed, payload
from warehouse.landing import BodyState
from warehouse.store import open_warehouse

DAYS = [Window.of_day(date(2026, 3, n)) for n in range(1, 5)]
ARCHIVE = b"zip" * 1000
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
PUTS = {"s3": "PUT", "azure": "PUT", "gcs": "POST"}


def asked(store: Store) -> Counter[str]:
    """The verbs since this was asked last, and `list` for what asks for names."""
    found = Counter(
        "list" if "prefix=" in one.query or "comp=list" in one.query else one.method for one in store.relay.asked
    )
    store.relay.asked.clear()
    return found


def test_a_folder_is_moved_to_a_store_and_found_whole_there(store: Store, database: str, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with open_warehouse(database, tmp_path / "folder") as former:
        for n, day in enumerate(DAYS):
            pull = former.begin_pull("hub", day)
            pull.keep(payload(b"day %d" % n, window=day))
            pull.finish(n_requests=1)
        archive.write_bytes(ARCHIVE)
        roof = former.begin_pull("roof", DAYS[0])
        roof.keep(replace(payload(b"", window=DAYS[0]), file=BodyFile(archive, len(ARCHIVE), SHA256)))
        roof.finish(n_requests=1)
        outcomes = Counter(str(outcome) for _, outcome in former.move_landing(store.url).run())
    assert outcomes == {"moved": 5}
    n_asked = asked(store)
    assert (n_asked["list"], n_asked[PUTS[store.kind]]) == (0, 6), "five answers and the id"
    assert n_asked["GET"] == 5 + 2, "one for each answer; the id before it is written and when all is there"
    with open_warehouse(database, store.url) as there:
        assert [one.body for n, day in enumerate(DAYS) for one in there.payloads("hub", day)] == [
            b"day %d" % n for n in range(4)
        ]
        assert asked(store) == {"GET": 5}, "the id once, and each answer once"
        assert [state for _, state in there.landing_zone.verify()] == [BodyState.WHOLE] * 5
        assert asked(store) == {"GET": 5}
        landed(there, "barn")
    asked(store)
    with (
        open_warehouse(database, f"{store.url}/elsewhere") as elsewhere,
        pytest.raises(ConfigurationError, match="it shows no id"),
    ):
        elsewhere.begin_pull("hub", DAYS[0])
    assert asked(store) == {"GET": 1}, "nothing is written where nothing is ours"
