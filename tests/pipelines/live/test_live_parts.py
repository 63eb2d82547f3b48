"""The parts of an account and their streams: which are listened to, and what one that fails may end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import ConfigurationError, CredentialsRejectedError
from domain.window import Window
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.live import VoltStorageFeed
from sandbox.voltstorage.twin import STREAM
from tests.fakes.live_house import SOURCE, LiveHouse, eventually, live_house


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[LiveHouse]:
    with live_house(database, tmp_path) as made:
        yield made


def feed_of(house: LiveHouse, *products: int) -> VoltStorageFeed:
    """The streams of these products, or of all that the account lists."""
    home, account = house.home, AccountConfig(products=products or None, statistics=())
    return VoltStorageFeed(home.provider.client, home.clients[0].origin, home.login, account=account, source=SOURCE)


def failures(house: LiveHouse) -> set[str | None]:
    """Why gaps stay open."""
    window = Window(now() - timedelta(hours=1), now() + timedelta(hours=1))
    return {gap["failure"] for gap in house.warehouse.live.gaps(SOURCE, window) if gap["filled_at"] is None}


def test_a_product_that_is_refused_ends_no_other_stream(house: LiveHouse) -> None:
    with house.listening(feed=feed_of(house, 99, 78)) as service:
        assert eventually(lambda: service.counts.n_new > 20)
        known = service.counts.n_new
        assert eventually(lambda: service.counts.n_new > known + 20)
        assert house.is_listening


def test_a_product_that_is_let_in_later_is_heard(house: LiveHouse) -> None:
    house.home.twin.configure(has_seconds=False)
    with house.listening(feed=feed_of(house, 78)) as service:
        assert eventually(lambda: len(house.home.asked(STREAM)) > 1)  # noted when it has ended
        house.home.twin.configure(has_seconds=True)
        assert eventually(lambda: service.counts.n_new > 20)


def test_an_account_with_nothing_to_listen_to_is_a_wrong_setting(house: LiveHouse) -> None:
    house.home.twin.fault("answer", endpoint="products", body="[]")
    with pytest.raises(ConfigurationError, match=f"account of {SOURCE}"), house.listening(feed=feed_of(house)):
        assert eventually(lambda: not house.is_listening)


def test_a_battery_that_is_new_is_heard_without_a_restart(house: LiveHouse) -> None:
    house.home.twin.configure(has_seconds=False)
    with house.listening(feed=feed_of(house)) as service:
        assert eventually(lambda: house.home.twin.streams.n_open == 2)
        house.home.twin.configure(has_seconds=True)
        assert eventually(lambda: house.home.twin.streams.n_open == 3)
        assert eventually(lambda: service.counts.n_new > 20)
    assert "78" in house.warehouse.live.watermarks(SOURCE)


def test_a_list_of_products_that_cannot_be_had_now_is_asked_for_again(house: LiveHouse) -> None:
    house.home.twin.fault("status", endpoint="products", code=503, times=40)
    with house.listening(feed=feed_of(house)):
        assert eventually(lambda: house.home.twin.streams.n_open == 3, seconds=60)


@pytest.mark.parametrize("code", [403, 404])
def test_a_list_of_products_that_fails_later_ends_no_stream(house: LiveHouse, code: int) -> None:
    with house.listening(feed=feed_of(house)) as service:
        assert eventually(lambda: house.home.twin.streams.n_open == 3)
        house.home.twin.fault("status", endpoint="products", code=code)
        assert eventually(lambda: house.home.twin.faults()[0]["n_fired"] > 1)
        known = service.counts.n_new
        assert eventually(lambda: service.counts.n_new > known + 20)


def test_a_login_that_is_rejected_ends_the_service_before_anything_is_listened_to(house: LiveHouse) -> None:
    house.home.twin.configure(password="another")
    with pytest.raises(CredentialsRejectedError), house.listening(feed=feed_of(house)):
        assert eventually(lambda: not house.is_listening)


def test_an_export_that_cannot_be_had_ends_no_stream_and_is_asked_again(house: LiveHouse) -> None:
    house.home.twin.fault("status", code=404)
    began = now()
    with house.listening() as service:
        assert eventually(lambda: failures(house) == {"request_rejected"})
        known = service.counts.n_new
        assert eventually(lambda: service.counts.n_new > known + 20)
        house.home.twin.clear_faults()
        assert eventually(lambda: house.open_gaps() == 0, seconds=90)
    window = Window(began - timedelta(seconds=4), began)
    assert house.said(window) == house.meant(window)


def test_an_export_that_is_behind_fills_every_gap_when_it_has_come_so_far(house: LiveHouse) -> None:
    house.home.twin.configure(export_lag_seconds=4.0)
    with house.listening() as service:
        assert eventually(lambda: service.counts.n_new > 20)
        assert eventually(lambda: house.open_gaps() == 0, seconds=90)
        began = now()
        house.home.twin.streams.disconnect()
        assert eventually(lambda: "not_yet_published" in failures(house))
        ended = now()
        assert eventually(lambda: house.open_gaps() == 0, seconds=90)
    window = Window(began, ended)
    assert house.said(window) == house.meant(window)
