"""Uploads by pieces that a dead process left open are given up: S3 keeps them, and charges for them, for ever."""

from datetime import timedelta

import pytest
from upath import UPath

from tests.fakes.object_stores import Store
from warehouse.landing import Landing
from warehouse.object_store import ObjectStore

OURS = "landing/zone/hub/ab/ours.raw"
only_s3 = pytest.mark.parametrize("store", ["s3"], indirect=True)


class Uploads:
    """What is open in a bucket."""

    def __init__(self, store: Store) -> None:
        self.of = ObjectStore(UPath(store.url))
        self._bucket = store.url.split("/")[2]

    def begin(self, key: str) -> None:
        self.of._driver.call_s3("create_multipart_upload", Bucket=self._bucket, Key=key)

    def names(self) -> list[str]:
        return [one["Key"] for one in self.of._driver.list_multipart_uploads(self._bucket)]


@only_s3
def test_uploads_below_our_prefix_that_are_older_than_a_day_are_given_up(store: Store) -> None:
    """moto says of each that it began in 2010."""
    uploads = Uploads(store)
    for key in (OURS, "landing/zone-of-others/theirs.raw", "theirs.raw"):
        uploads.begin(key)
    uploads.of.abandon_uploads(timedelta(days=36_500))
    assert len(uploads.names()) == 3
    Landing(store.url).sweep("hub")
    assert uploads.names() == ["landing/zone-of-others/theirs.raw", "theirs.raw"]


@only_s3
def test_a_key_without_the_right_to_lets_them_be(store: Store) -> None:
    uploads = Uploads(store)
    uploads.begin(OURS)
    store.relay.refuses = lambda one: one.query.startswith(("uploads", "prefix="))
    uploads.of.abandon_uploads(timedelta(days=1))
    assert store.relay.asked[-1].method == "GET"
    store.relay.refuses = lambda _: False
    assert uploads.names() == [OURS]


def test_it_is_asked_for_once_a_day_and_of_s3_alone(store: Store) -> None:
    landing = Landing(store.url)
    landing.sweep("hub")
    landing.sweep("hub")
    assert len(store.relay.asked) == (store.kind == "s3")
