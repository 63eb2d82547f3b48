"""Two processes land the same answer in an object store at the same time, and the store refuses one of them.

A store of ours answers here as Azure's does; the real ones are in `tests/stores`.
"""

import hashlib
from pathlib import Path

import pytest

from domain.errors import WarehouseUnavailableError
from domain.records import BodyFile
from tests.fakes.object_store import ObjectStore, StoreError, stored
from warehouse.landing import Landing

BODY = b"answer " * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


def another_was_first(store: ObjectStore, path: str, body: bytes) -> None:
    """The same body is there, and ours is refused."""
    store.bodies[path] = body
    raise StoreError("The specified block list is invalid")


def nothing_arrives(_store: ObjectStore, _path: str, _body: bytes) -> None:
    raise StoreError("The specified block list is invalid")


def test_an_answer_that_another_process_kept_first_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(monkeypatch, ObjectStore(on_put=another_was_first))
    landing = Landing("memory://bucket/landing")
    path = landing.keep("hub", BODY, SHA256)
    assert landing.read(path, len(BODY), SHA256) == BODY
    assert len(store.bodies) == 1


def test_a_file_that_another_process_kept_first_is_kept_and_not_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = stored(monkeypatch, ObjectStore(on_put=another_was_first))
    (tmp_path / "body").write_bytes(BODY)
    landing = Landing("memory://bucket/landing")
    path = landing.keep_file("hub", BodyFile(tmp_path / "body", len(BODY), SHA256))
    assert list(store.bodies.values()) == [BODY]
    with landing.as_file(path, len(BODY), SHA256) as kept:
        assert kept.path.read_bytes() == BODY


def test_a_put_that_leaves_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(monkeypatch, ObjectStore(on_put=nothing_arrives))
    with pytest.raises(WarehouseUnavailableError, match="the landing zone cannot be written"):
        Landing("memory://bucket/landing").keep("hub", BODY, SHA256)
