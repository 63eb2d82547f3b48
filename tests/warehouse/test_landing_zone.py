"""The landing zone holds an id that the warehouse knows; another zone is refused before anything is kept in it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest

from domain.errors import ConfigurationError, IngestError
from domain.window import Window
from tests.fakes.forked import together
from tests.fakes.object_store import ObjectStore, Rights, stored
from tests.fakes.points import DAY, landed, payload
from warehouse.landing import Landing
from warehouse.store import open_warehouse

FILE = ".joulehouse-zone"
THEIRS = "0123456789abcdef" * 2
ANOTHER = r"is not the one that the warehouse knows: it has the id \w{8}, and the warehouse's is \w{8} \(LANDING_URL, "
NONE = r"is not the one that the warehouse knows: it shows no id, and the warehouse's is \w{8} \(LANDING_URL, "


def pull(database: str, landing: str | Path) -> None:
    with open_warehouse(database, landing) as warehouse:
        landed(warehouse)


def ids(database: str) -> list[tuple[str, bool]]:
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT zone_id, is_current FROM landing_zone ORDER BY known_since").fetchall()


def before_the_upgrade(database: str, zone: Path) -> None:
    """An installation that has answers and no id."""
    pull(database, zone)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM landing_zone")
    (zone / FILE).unlink()


def test_the_first_pull_gives_the_zone_an_id_that_the_warehouse_knows(database: str, tmp_path: Path) -> None:
    pull(database, tmp_path)
    written = (tmp_path / FILE).read_text()
    assert ids(database) == [(written.splitlines()[0], True)]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    pull(database, tmp_path)
    assert (tmp_path / FILE).read_text() == written


def test_a_zone_without_an_id_is_refused_where_the_warehouse_knows_one(database: str, tmp_path: Path) -> None:
    pull(database, tmp_path / "zone")
    with open_warehouse(database, tmp_path / "no volume") as warehouse:
        for use in (warehouse.begin_pull, warehouse.payloads):
            with pytest.raises(ConfigurationError, match=f"{NONE}{tmp_path}/no volume") as refused:
                use("hub", DAY)
            assert "mount its volume here" in str(refused.value)
            assert "joulehouse landing adopt" in str(refused.value)
    assert not (tmp_path / "no volume").exists()


def test_a_key_that_has_expired_is_not_taken_for_another_zone(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = "memory://bucket/landing/zone"
    store = stored(monkeypatch, ObjectStore())
    pull(database, zone)

    def expired(_path: str) -> bytes:
        raise PermissionError(13, "The Access Key Id you provided does not exist in our records.")

    with monkeypatch.context() as patched:
        patched.setattr(store, "get", expired)
        said = rf"{NONE}.*the store says 'The Access Key Id you provided does not exist.*look whether its key is valid"
        with pytest.raises(ConfigurationError, match=said):
            pull(database, zone)
    pull(database, zone)
    with pytest.raises(ConfigurationError, match=f"{NONE}memory://bucket/elsewhere") as refused:
        pull(database, "memory://bucket/elsewhere")
    assert "key" not in str(refused.value)


def test_a_zone_of_another_warehouse_is_refused(database: str, tmp_path: Path) -> None:
    pull(database, tmp_path / "zone")
    Landing(tmp_path / "theirs").write_zone_id(THEIRS)
    with pytest.raises(ConfigurationError, match=f"{ANOTHER}{tmp_path}/theirs"):
        pull(database, tmp_path / "theirs")
    assert [path.name for path in (tmp_path / "theirs").iterdir() if path.is_file()] == [FILE]


def test_of_processes_with_one_zone_all_agree_on_its_id(database: str, tmp_path: Path) -> None:
    together([partial(pull, database, tmp_path)] * 6)
    assert ids(database) == [((tmp_path / FILE).read_text().splitlines()[0], True)]


def test_of_processes_with_zones_of_their_own_one_is_let_in(database: str, tmp_path: Path) -> None:
    def said(zone: Path) -> str:
        try:
            pull(database, zone)
        except IngestError as error:
            return type(error).__name__
        return zone.name

    names = together([partial(said, tmp_path / str(n)) for n in range(5)])
    [let_in] = set(names) - {"ConfigurationError"}
    assert names.count(let_in) == 1
    assert ids(database) == [((tmp_path / let_in / FILE).read_text().splitlines()[0], True)]
    assert [path.name for path in tmp_path.glob("*/hub")] == ["hub"]


def test_an_installation_from_before_gets_its_id_without_anybody(database: str, tmp_path: Path) -> None:
    before_the_upgrade(database, tmp_path / "zone")
    with pytest.raises(ConfigurationError, match=f"holds none of the newest indexed answers.*{tmp_path}/elsewhere"):
        pull(database, tmp_path / "elsewhere")
    assert ids(database) == []
    pull(database, tmp_path / "zone")
    assert ids(database) == [((tmp_path / "zone" / FILE).read_text().splitlines()[0], True)]


def test_a_warehouse_that_was_made_anew_takes_the_id_that_the_zone_has(database: str, tmp_path: Path) -> None:
    Landing(tmp_path).write_zone_id(THEIRS)
    pull(database, tmp_path)
    assert ids(database) == [(THEIRS, True)]


@pytest.mark.parametrize("rights", ["all", "below a prefix", "objects"])
def test_a_key_of_least_rights_makes_the_id_and_finds_it(
    database: str, monkeypatch: pytest.MonkeyPatch, rights: Rights
) -> None:
    stored(monkeypatch, ObjectStore(rights))
    pull(database, "memory://bucket/landing/zone")
    pull(database, "memory://bucket/landing/zone")
    with pytest.raises(ConfigurationError, match=f"{NONE}memory://bucket/landing/elsewhere"):
        pull(database, "memory://bucket/landing/elsewhere")


def test_the_id_is_read_once_and_not_with_every_answer(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(monkeypatch, ObjectStore())
    pull(database, "memory://bucket/landing")
    looks: list[str] = []
    plain = store.get

    def noted(path: str) -> bytes:
        looks.append(path)
        return plain(path)

    monkeypatch.setattr(store, "get", noted)
    with open_warehouse(database, "memory://bucket/landing") as warehouse:
        for n in range(3):
            kept = warehouse.begin_pull("hub", DAY)
            kept.keep(payload(b"%d" % n, 1, "next"))
            kept.keep(payload(b"%d again" % n, 2))
            kept.finish(n_requests=1)
            list(warehouse.payloads("hub", DAY))
    assert [path.rpartition("/")[2] for path in looks].count(FILE) == 1


def test_a_process_that_was_let_in_begins_no_pull_once_another_zone_is_the_warehouses(
    database: str, tmp_path: Path
) -> None:
    with (
        open_warehouse(database, tmp_path / "former") as former,
        open_warehouse(database, tmp_path / "new") as new,
    ):
        landed(former)
        under_way = former.begin_pull("roof", DAY)
        under_way.keep(payload(b"1", 1, "next"))
        under_way.pause(n_requests=1)
        new.landing_zone.adopt()
        for source in ("hub", "roof"):
            with pytest.raises(ConfigurationError, match="keeps its answers in another landing zone"):
                former.begin_pull(source, DAY)
        assert new.begin_pull("roof", DAY).pull_id == under_way.pull_id


def test_a_zone_that_is_lost_is_given_up_by_adopting_another(database: str, tmp_path: Path) -> None:
    pull(database, tmp_path / "lost")
    with open_warehouse(database, tmp_path / "new") as warehouse:
        warehouse.landing_zone.adopt()
        landed(warehouse)
    with pytest.raises(ConfigurationError, match=ANOTHER):
        pull(database, tmp_path / "lost")
    assert [is_current for _, is_current in ids(database)] == [False, True]
    with open_warehouse(database, tmp_path / "lost") as warehouse:  # it was found again
        warehouse.landing_zone.adopt()
        landed(warehouse)


@pytest.mark.parametrize("damage", [lambda _: b"", lambda text: text[:7], lambda _: b"\xff\xfe"])
def test_an_id_that_is_damaged_is_named_and_made_anew_by_adopting(
    database: str, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    pull(database, tmp_path)
    (tmp_path / FILE).write_bytes(damage((tmp_path / FILE).read_bytes()))
    with pytest.raises(ConfigurationError, match="is not the one that the warehouse knows: it has a damaged id"):
        pull(database, tmp_path)
    with open_warehouse(database, tmp_path) as warehouse:
        warehouse.landing_zone.adopt()
    pull(database, tmp_path)


def test_a_look_changes_nothing(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path / "zone") as warehouse:
        assert warehouse.landing_zone.look() == (
            f"The next pull makes the landing zone at {tmp_path}/zone the warehouse's."
        )
        assert (ids(database), (tmp_path / "zone").exists()) == ([], False)
        landed(warehouse, window=Window.of_day(DAY.day))
        assert warehouse.landing_zone.look() == f"The landing zone at {tmp_path}/zone is the warehouse's."
