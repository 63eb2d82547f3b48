"""A store that takes requests in and is silent is given up within a minute."""

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from domain.errors import WarehouseUnavailableError
from domain.records import BodyFile
from tests.fakes.object_stores import Store
from warehouse import object_store
from warehouse.landing import Landing

BODY = b"answer " * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()
PATH = f"hub/{SHA256[:2]}/{SHA256}.zst"
SENTENCE = r"the landing zone cannot be (read|written) \(the store takes requests in and does not answer\)"


def given_up(do: Callable[[], object]) -> float:
    """After how many seconds."""
    started = time.monotonic()
    with pytest.raises(WarehouseUnavailableError, match=SENTENCE):
        do()
    return time.monotonic() - started


def lying(folder: Path, n_bytes: int) -> BodyFile:
    body = os.urandom(n_bytes)
    path = folder / f"{n_bytes}"
    path.write_bytes(body)
    return BodyFile(path, n_bytes, hashlib.sha256(body).hexdigest())


def fetched(landing: Landing, path: str, file: BodyFile) -> None:
    with landing.as_file(path, file.n_bytes, file.sha256):
        pytest.fail("it was handed out")


def askings(landing: Landing, folder: Path, *, n_bytes: int) -> list[Callable[[], object]]:
    """Everything that a load, a pull and the doctor ask a store."""
    file = lying(folder, n_bytes)
    return [
        landing.probe,
        partial(landing.keep, "hub", BODY, SHA256),
        partial(landing.keep, "hub", BODY, SHA256, is_known=False),
        partial(landing.read, PATH, len(BODY), SHA256),
        partial(landing.keep_file, "hub", file),
        partial(landing.keep_file, "hub", file, is_known=False),
        partial(fetched, landing, "hub/x.raw", file),
    ]


def test_a_silent_store_is_given_up_whatever_it_is_asked(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With less patience than in earnest."""
    landing = Landing(store.url)
    landing.keep("hub", b"connects", hashlib.sha256(b"connects").hexdigest())
    monkeypatch.setattr(object_store, "_PATIENCE_SECONDS", 1)
    store.relay.is_silent = True
    all_of_them = askings(landing, tmp_path, n_bytes=1000)
    with ThreadPoolExecutor(len(all_of_them)) as pool:
        assert max(pool.map(given_up, all_of_them)) < 10


@pytest.mark.prove
@pytest.mark.timeout(300)
@pytest.mark.parametrize("n_bytes", [1000, 20 * 2**20])
def test_a_silent_store_is_given_up_within_a_minute(store: Store, tmp_path: Path, n_bytes: int) -> None:
    landing = Landing(store.url)
    store.relay.is_silent = True
    all_of_them = askings(landing, tmp_path, n_bytes=n_bytes)
    with ThreadPoolExecutor(len(all_of_them)) as pool:
        assert max(pool.map(given_up, all_of_them)) < 60
