"""A landing zone is moved while pulls go on; from a moment on, all of it is in the new place and pulls begin there."""

import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from domain.errors import ConfigurationError, PayloadMissingError, WarehouseUnavailableError
from domain.window import Window
from tests.fakes.forked import ended, fork
from tests.fakes.object_store import ObjectStore, Rights, StoreError, stored
from tests.fakes.points import DAY, landed, payload
from warehouse.landing import Landing
from warehouse.landing_move import LandingMove
from warehouse.pulls import TimescalePull
from warehouse.store import TimescaleWarehouse, open_warehouse

DAYS = [Window.of_day(date(2026, 3, n)) for n in range(1, 11)]


@pytest.fixture
def former(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    """Ten days of two answers each, of which one is the same for all."""
    with open_warehouse(database, tmp_path / "from") as warehouse:
        for n, day in enumerate(DAYS):
            pull = warehouse.begin_pull("hub", day)
            keep(pull, day, b"day %d" % n, b"nothing")
            pull.finish(n_requests=1)
        yield warehouse


def keep(pull: TimescalePull, day: Window, *bodies: bytes) -> None:
    for page, body in enumerate(bodies, 1):
        pull.keep(payload(body, page, "next" if page < len(bodies) else None, window=day))


def moving(warehouse: TimescaleWarehouse, target: str | Path, *, patience_seconds: float = 0.0) -> LandingMove:
    return warehouse.move_landing(target, patience_seconds=patience_seconds)


def moved(warehouse: TimescaleWarehouse, target: str | Path) -> Counter[str]:
    return Counter(outcome for _, outcome in moving(warehouse, target).run())


def bodies(database: str, landing: str | Path) -> list[bytes]:
    with open_warehouse(database, landing) as warehouse:
        return [one.body for day in DAYS for one in warehouse.payloads("hub", day)]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


ALL = [body for n in range(10) for body in (b"day %d" % n, b"nothing")]


def test_all_is_in_the_new_place_and_pulls_go_on_there(
    former: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    before = files(tmp_path / "from")
    assert moved(former, tmp_path / "to") == {"moved": 11}
    assert bodies(database, tmp_path / "to") == ALL
    with open_warehouse(database, tmp_path / "to") as new:
        landed(new)
    assert files(tmp_path / "from") == before, "the former zone stays as it is"
    with pytest.raises(ConfigurationError, match="keeps its answers in another landing zone"):
        former.begin_pull("hub", DAY)
    with (
        open_warehouse(database, tmp_path / "from") as late,
        pytest.raises(ConfigurationError, match="is not the one that the warehouse knows"),
    ):
        late.begin_pull("hub", DAY)


def test_a_zone_that_is_not_whole_yet_is_not_the_warehouses(
    former: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    begun = moving(former, tmp_path / "to").run()
    next(begun)
    with (
        open_warehouse(database, tmp_path / "to") as early,
        pytest.raises(ConfigurationError, match="is not the one that the warehouse knows"),
    ):
        early.begin_pull("hub", DAY)
    begun.close()
    assert bodies(database, tmp_path / "from") == ALL


def test_a_move_that_was_interrupted_goes_on_where_it_was(
    former: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    begun = moving(former, tmp_path / "to").run()
    for _ in range(4):
        next(begun)
    begun.close()
    outcomes = moved(former, tmp_path / "to")
    assert outcomes["there already"] >= 4
    assert outcomes.total() == 11
    assert bodies(database, tmp_path / "to") == ALL


@pytest.mark.parametrize("n_seconds", [0.02, 0.1, 0.3])
def test_a_move_that_is_killed_at_any_time_leaves_one_zone_whole(
    former: TimescaleWarehouse, database: str, tmp_path: Path, n_seconds: float
) -> None:
    def move() -> None:
        with open_warehouse(database, tmp_path / "from") as warehouse:
            moved(warehouse, tmp_path / "to")

    assert bodies(database, tmp_path / "from") == ALL
    former.close()
    child = fork(move)
    time.sleep(n_seconds)
    os.kill(child, signal.SIGKILL)
    ended(child)
    with open_warehouse(database, tmp_path / "from") as warehouse:
        moved(warehouse, tmp_path / "to")
    assert bodies(database, tmp_path / "to") == ALL


def test_what_is_damaged_or_gone_is_named_and_nothing_of_it_arrives(
    former: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    gone, damaged = sorted((tmp_path / "from").rglob("*.zst"))[:2]
    gone.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1])
    outcomes = {str(outcome): body.sha256 for body, outcome in moving(former, tmp_path / "to").run()}
    assert (outcomes["missing"], outcomes["damaged"]) == (gone.stem, damaged.stem)
    assert len(list((tmp_path / "to").rglob("*.zst"))) == 9
    # The former zone is mended, as from a backup: the same command brings what was missing.
    body = next(body for body in ALL if sha256(body).hexdigest() == gone.stem)
    Landing(tmp_path / "from").keep("hub", body, gone.stem)
    assert moved(former, tmp_path / "to") == {"there already": 9, "moved": 1, "damaged": 1}
    with pytest.raises(PayloadMissingError, match="is gone from the landing zone"):
        bodies(database, tmp_path / "to")


def test_a_zone_that_goes_away_meanwhile_has_lost_nothing_and_stays_the_warehouses(
    former: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    begun = moving(former, tmp_path / "to").run()
    next(begun)
    (tmp_path / "from").rename(tmp_path / "unmounted")
    with pytest.raises(WarehouseUnavailableError, match="shows neither its id nor its answers any more"):
        list(begun)
    with pytest.raises(WarehouseUnavailableError, match="shows neither its id nor its answers any more"):
        list(former.landing_zone.verify())
    (tmp_path / "unmounted").rename(tmp_path / "from")
    assert bodies(database, tmp_path / "from") == ALL
    assert moved(former, tmp_path / "to").total() == 11


@pytest.mark.parametrize("rights", ["below a prefix", "objects"])
def test_a_key_that_expires_meanwhile_makes_no_answer_missing(
    former: TimescaleWarehouse, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rights: Rights
) -> None:
    store = stored(monkeypatch, ObjectStore(rights))
    moved(former, "memory://bucket/landing/zone")
    with open_warehouse(database, "memory://bucket/landing/zone") as there:
        begun = moving(there, tmp_path / "back").run()
        next(begun)

        def refused(_: ObjectStore, path: str) -> bytes:
            raise PermissionError(13, f"ExpiredToken, {path}")

        monkeypatch.setattr(ObjectStore, "get", refused)
        with pytest.raises(WarehouseUnavailableError, match="shows neither its id nor its answers any more"):
            list(begun)
    monkeypatch.undo()
    stored(monkeypatch, store)
    assert bodies(database, "memory://bucket/landing/zone") == ALL


def test_a_pull_that_is_under_way_keeps_the_zone_where_it_is_until_it_ends(
    former: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    pull = former.begin_pull("roof", DAY)
    keep(pull, DAY, b"roof")
    with pytest.raises(WarehouseUnavailableError, match=r"pulls are under way \(1\).*/from\): stop the loads or wait"):
        moved(former, tmp_path / "to")
    assert former.begin_pull("hub", DAY), "pulls go on in the former zone"
    former.close()

    def finish() -> None:
        time.sleep(0.7)
        late.finish(n_requests=1)

    with open_warehouse(database, tmp_path / "from") as another:
        late = another.begin_pull("roof", DAY)
        keep(late, DAY, b"roof, again")
        ending = threading.Thread(target=finish)
        ending.start()
        list(moving(another, tmp_path / "to", patience_seconds=20).run())
        ending.join()
    with open_warehouse(database, tmp_path / "to") as new:
        assert [one.body for one in new.payloads("roof", DAY)] == [b"roof, again"]


def test_a_pull_that_began_at_the_moment_of_the_switch_is_waited_for_and_brought_along(
    former: TimescaleWarehouse, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish() -> None:
        time.sleep(0.7)
        keep(pulls[0], DAY, b"at the last moment")
        pulls[0].finish(n_requests=1)

    def switch(self: LandingMove, new_id: str) -> None:
        pulls.append(another.begin_pull("roof", DAY))
        plain(self, new_id)
        ending.start()

    pulls: list[TimescalePull] = []
    plain, ending = LandingMove._switch, threading.Thread(target=finish)
    monkeypatch.setattr(LandingMove, "_switch", switch)
    with open_warehouse(database, tmp_path / "from") as another:
        list(moving(former, tmp_path / "to", patience_seconds=20).run())
        ending.join()
    with open_warehouse(database, tmp_path / "to") as new:
        assert [one.body for one in new.payloads("roof", DAY)] == [b"at the last moment"]


def test_a_move_that_was_killed_behind_the_switch_is_finished(
    former: TimescaleWarehouse, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: LandingMove, new_id: str) -> None:
        plain(move, new_id)
        next((tmp_path / "to").rglob("*.zst")).unlink()  # one that came at the last moment
        raise KeyboardInterrupt

    move, plain = moving(former, tmp_path / "to"), LandingMove._switch
    monkeypatch.setattr(LandingMove, "_switch", killed)
    with pytest.raises(KeyboardInterrupt):
        list(move.run())
    assert moved(former, tmp_path / "to") == {"there already": 10, "moved": 1}
    assert bodies(database, tmp_path / "to") == ALL


def test_a_zone_may_be_moved_back(former: TimescaleWarehouse, database: str, tmp_path: Path) -> None:
    moved(former, tmp_path / "to")
    with open_warehouse(database, tmp_path / "to") as new:
        landed(new, "roof")
        assert moved(new, tmp_path / "from") == {"there already": 11, "moved": 1}
    assert bodies(database, tmp_path / "from") == ALL


def test_what_was_copied_by_hand_is_there_already(former: TimescaleWarehouse, database: str, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "from", tmp_path / "to")
    assert moved(former, tmp_path / "to") == {"there already": 11}
    assert bodies(database, tmp_path / "to") == ALL


def test_a_place_of_another_warehouse_or_the_same_place_is_refused(
    former: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    Landing(tmp_path / "theirs").write_zone_id("0123456789abcdef" * 2)
    with pytest.raises(ConfigurationError, match="another warehouse's"):
        moved(former, tmp_path / "theirs")
    with pytest.raises(ConfigurationError, match="to be moved to where it is"):
        moved(former, f"file://{tmp_path}/from")
    assert bodies(database, tmp_path / "from") == ALL


def test_a_store_that_fails_meanwhile_ends_the_move_and_not_the_zone(
    former: TimescaleWarehouse, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = stored(monkeypatch, ObjectStore())

    def full(store: ObjectStore, path: str, body: bytes) -> None:
        if len(store.bodies) > 5:
            raise StoreError("quota")
        store.bodies[path] = body

    store.on_put = full
    with pytest.raises(WarehouseUnavailableError, match="quota"):
        moved(former, "memory://bucket/landing")
    assert bodies(database, tmp_path / "from") == ALL
    store.on_put = ObjectStore.on_put
    assert moved(former, "memory://bucket/landing").total() == 11
    assert bodies(database, "memory://bucket/landing") == ALL


@pytest.mark.parametrize("rights", ["below a prefix", "objects"])
def test_keys_of_least_rights_move_a_zone(
    former: TimescaleWarehouse, database: str, monkeypatch: pytest.MonkeyPatch, rights: Rights
) -> None:
    store = stored(monkeypatch, ObjectStore(rights))
    assert moved(former, "memory://bucket/landing/zone") == {"moved": 11}
    with open_warehouse(database, "memory://bucket/landing/zone") as there:
        assert moved(there, "memory://bucket/landing/another") == {"moved": 11}
    assert "list" not in store.asked
    assert not [verb for verb in store.asked if verb.startswith(("make", "delete"))]
    assert bodies(database, "memory://bucket/landing/another") == ALL
