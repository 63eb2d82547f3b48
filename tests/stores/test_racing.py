"""Processes that land the same answers at the same time help each other, on the stores as they are."""

import hashlib
import os
from functools import partial
from pathlib import Path

import pytest

from domain.records import BodyFile
from tests.fakes.forked import together
from tests.fakes.object_stores import Store
from warehouse.landing import BodyState, Landing

BODIES = [b"answer %d " % n * 50 for n in range(12)]


def keep_all(url: str, *, is_known: bool) -> set[tuple[str, int, str]]:
    landing, kept = Landing(url), set()
    for body in BODIES:
        sha256 = hashlib.sha256(body).hexdigest()
        kept.add((landing.keep("hub", body, sha256, is_known=is_known), len(body), sha256))
    return kept


@pytest.mark.parametrize("is_known", [True, False])
def test_processes_that_keep_the_same_answers_at_once_all_succeed(store: Store, *, is_known: bool) -> None:
    first, *others = together([partial(keep_all, store.url, is_known=is_known)] * 3)
    assert others == [first] * 2
    landing = Landing(store.url)
    assert {landing.state(*one) for one in first} == {BodyState.WHOLE}


def test_processes_that_keep_the_same_large_file_at_once_all_succeed(store: Store, tmp_path: Path) -> None:
    """By pieces: of two writers Azure refuses the slower."""
    body = os.urandom(17 * 2**20)
    (tmp_path / "body").write_bytes(body)
    file = BodyFile(tmp_path / "body", len(body), hashlib.sha256(body).hexdigest())
    landing = Landing(store.url)
    paths = together([partial(landing.keep_file, "hub", file)] * 3)
    assert landing.state(paths[0], file.n_bytes, file.sha256) is BodyState.WHOLE
