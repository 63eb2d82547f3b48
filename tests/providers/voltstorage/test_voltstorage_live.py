"""The live stream of VoltStorage: what a message means, how a stream is opened, and what ends it."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import (
    AddressRefusedError,
    CredentialsRejectedError,
    IngestError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RequestRejectedError,
)
from domain.live import LiveMessage, LiveStream
from domain.records import Series
from providers._addresses import Origin
from providers._stream import StreamLimits
from providers.voltstorage.account import AccountConfig, Paths
from providers.voltstorage.live import VoltStorageFeed, read_message
from providers.voltstorage.naming import Device, Naming
from providers.voltstorage.spec import MAX_COLUMNS
from sandbox.voltstorage.twin import ROOT, STREAM
from tests.fakes.api import Naps
from tests.fakes.live_house import eventually
from tests.providers.voltstorage.harness import Battery, battery

ACCOUNT = AccountConfig(products=(78,))
RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
DOCUMENTED = '{"type": "latest-data", "time": 1575154800, "data": {"pvPower": 421, "dcVoltage": 26.3}}'


def said(text: str, account: AccountConfig | None = None) -> LiveMessage | None:
    return read_message(text, Device("product", "77"), Naming(account or AccountConfig()), RECEIVED)


def message(data: dict[str, Any], *, at: Any = 1575154800) -> str:
    return json.dumps({"type": "latest-data", "time": at, "data": data})


def values(heard: LiveMessage | None) -> dict[str, float | str]:
    assert heard is not None
    return {point.series.key: point.value for point in heard.points}


def test_the_documents_example_is_said_under_the_names_of_the_export() -> None:
    heard = said(DOCUMENTED)
    assert values(heard) == {"77/Power_PV": 421.0, "77/dcVoltage": 26.3}
    assert heard is not None
    assert heard.measured_at == datetime.fromtimestamp(1575154800, UTC)


def test_a_stream_and_an_export_describe_a_series_with_the_same_words() -> None:
    heard = said(DOCUMENTED)
    assert heard is not None
    assert heard.points[0].series == Naming(AccountConfig()).of_field(Device("product", "77"), "Power_PV")


def test_an_account_says_what_a_live_name_is_called_in_exports() -> None:
    account = AccountConfig(live_names={"dcVoltage": "Power_PV"})
    assert values(said(message({"dcVoltage": 26.3}), account)) == {"77/Power_PV": 26.3}


def test_null_is_no_value_and_what_is_none_is_counted() -> None:
    heard = said(message({"pvPower": None, "gridPower": "n/a", "unknown": 3, "stateOfCharge": 7, "status": "idle"}))
    assert values(heard) == {"77/Status": "idle"}
    assert heard is not None
    assert heard.n_ignored == 3


def test_a_number_as_a_text_of_a_field_that_nobody_knows_is_ignored_as_the_export_ignores_it() -> None:
    heard = said(message({"a": "21,5", "b": "5 kW", "c": "NaN", "d": "-Infinity", "e": "on", "status": "7"}))
    assert values(heard) == {"77/e": "on"}
    assert heard is not None
    assert heard.n_ignored == 5


def test_an_event_without_data_is_no_message() -> None:
    assert said('{"type": "online", "time": 1575154800}') is None


def test_a_message_without_any_value_is_no_message() -> None:
    assert said(message({})) is None
    assert said(message({"pvPower": None, "dcVoltage": None})) is None


def test_a_fraction_of_a_second_is_kept_to_the_millisecond() -> None:
    heard = said(message({"pvPower": 1}, at=1585138841.562))
    assert heard is not None
    assert heard.measured_at == datetime(2020, 3, 25, 12, 20, 41, 562_000, tzinfo=UTC)


@pytest.mark.parametrize("time_said", [1575154800000, 0, -1, "1575154800", None, True, 1e300, 1893456000])
def test_a_time_that_is_no_epoch_in_seconds_until_now_is_refused_and_not_guessed(time_said: object) -> None:
    with pytest.raises(PayloadUnreadableError, match="epoch in seconds"):
        said(message({"pvPower": 1}, at=time_said))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type":"latest-data"}', '{"type":1}', '{"type":"a","type":"b"}'])
def test_what_is_no_message_is_unreadable(text: str) -> None:
    with pytest.raises(PayloadUnreadableError):
        said(text)


def test_a_message_with_more_fields_than_an_export_may_have_columns_is_unreadable() -> None:
    assert len(values(said(message({f"s{number}": "x" for number in range(MAX_COLUMNS)})))) == MAX_COLUMNS
    with pytest.raises(PayloadUnreadableError, match="1,001 fields"):
        said(message({f"s{number}": "x" for number in range(MAX_COLUMNS + 1)}))


@pytest.fixture
def home() -> Iterator[Battery]:
    with battery(account=ACCOUNT, has_seconds=True, spacing_ms=100, live_time="fraction") as made:
        yield made


def feed_of(
    home: Battery,
    *,
    account: AccountConfig = ACCOUNT,
    port: int | None = None,
    ping: float = 20.0,
    sleep: Callable[[float], None] = time.sleep,
) -> VoltStorageFeed:
    origin = home.clients[0].origin
    if port is not None:
        origin = Origin.parse(f"http://127.0.0.1:{port}{ROOT}", place="test")
    limits = StreamLimits(open_seconds=5.0, ping_seconds=ping)
    return VoltStorageFeed(
        home.provider.client, origin, home.login, account=account, source="home", limits=limits, sleep=sleep
    )


def feed_part(series: Series) -> str | None:
    """What a feed says about a series; it needs no account for it."""
    return VoltStorageFeed.part_of(series)


def first(stream: LiveStream, seconds: float = 10.0) -> LiveMessage:
    heard = stream.receive(seconds)
    assert heard is not None
    return heard


def listen(stream: LiveStream, *, seconds: float = 20.0) -> None:
    """Take messages until something is raised, or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stream.receive(0.5)


def test_a_stream_says_what_the_export_says(home: Battery) -> None:
    with feed_of(home).listen("78") as stream:
        heard = [first(stream) for _ in range(20)]
    rows = {
        round(one.measured_at.timestamp() * 1000): {point.series.labels["field"]: point.value for point in one.points}
        for one in heard
    }
    served = home.twin.store.homes(home.twin.settings)[1]
    assert rows == dict(home.twin.rows(served, min(rows), max(rows) + 1))


@pytest.mark.parametrize("token_in", ["header", "query"])
def test_the_token_is_sent_where_the_account_says(home: Battery, token_in: str) -> None:
    home.twin.configure(token_in=token_in)
    with feed_of(home, account=replace(ACCOUNT, token_in=token_in)).listen("78") as stream:
        first(stream)
    assert eventually(lambda: bool(home.asked(STREAM)))  # it is noted when it has ended


def test_by_default_no_address_holds_the_token_and_no_log_does(home: Battery, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with feed_of(home).listen("78") as stream:
        first(stream)
    assert eventually(lambda: bool(home.asked(STREAM)))
    assert set(home.asked(STREAM)[0]["query"]) == {"productId"}
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("uvicorn", "websockets.s"))]
    assert home.login.token().reveal() not in "\n".join(ours)


def test_a_token_that_has_died_is_renewed_once(home: Battery) -> None:
    home.login.headers()
    home.twin.revoke_tokens()
    with feed_of(home, sleep=Naps()).listen("78") as stream:
        first(stream)
    assert home.logins() == 2


def test_a_product_that_is_not_ours_is_a_refusal_of_that_product_and_not_of_our_credentials(home: Battery) -> None:
    with pytest.raises(RequestRejectedError, match="403") as caught, feed_of(home).listen("99"):
        pass
    assert caught.value.status == 403
    assert home.logins() == 1


def test_a_fresh_token_that_is_worth_nothing_is_rejected_credentials(home: Battery) -> None:
    home.twin.configure(token_in="query")
    naps = Naps()
    with pytest.raises(CredentialsRejectedError, match="401"), feed_of(home, sleep=naps).listen("78"):
        pass
    assert (naps.seconds, home.logins()) == ([2, 5], 2)


@pytest.mark.parametrize(("seconds", "waits"), [(1, [2]), (3, [2, 5]), (7, [2, 5])])
def test_a_fresh_token_that_is_not_valid_yet_opens_the_stream_without_a_second_login(
    home: Battery, seconds: float, waits: list[float]
) -> None:
    home.twin.configure(token_in="query")
    naps = Naps()

    def sleep(wait: float) -> None:
        naps(wait)
        if sum(naps.seconds) >= seconds:
            home.twin.configure(token_in="header")

    with feed_of(home, sleep=sleep).listen("78") as stream:
        first(stream)
    assert (naps.seconds, home.logins()) == (waits, 1)


def test_a_token_that_was_let_in_before_is_renewed_without_a_wait(home: Battery) -> None:
    naps = Naps()
    feed = feed_of(home, sleep=naps)
    with feed.listen("78") as stream:
        first(stream)
    home.twin.revoke_tokens()
    with feed.listen("78") as stream:
        first(stream)
    assert (naps.seconds, home.logins()) == ([], 2)


def test_a_stream_speaks_of_the_samples_of_its_product_and_of_nothing_else() -> None:
    naming, product = Naming(AccountConfig()), Device("product", "77")
    assert feed_part(naming.of_field(product, "Power_PV")) == "77"
    assert feed_part(naming.of_field(product, "Status", is_state=True)) == "77"
    assert feed_part(naming.of_statistic(product, "hour", "pv-total")) is None
    assert feed_part(naming.of_statistic(product, "month", "pv-total")) is None
    assert feed_part(naming.of_field(Device("component", "5"), "Power_PV")) is None


def test_a_redirect_of_the_handshake_is_refused(home: Battery) -> None:
    home.twin.fault("redirect", endpoint="stream")
    with pytest.raises(AddressRefusedError, match="redirect"), feed_of(home).listen("78"):
        pass


def test_a_path_that_is_no_stream_is_said_so(home: Battery) -> None:
    account = replace(ACCOUNT, paths=Paths(stream="data/nowhere"))
    with pytest.raises(IngestError) as caught, feed_of(home, account=account).listen("78"):
        pass
    assert caught.value.code == "request_rejected"


def test_a_provider_that_is_away_is_unavailable(home: Battery) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ProviderUnavailableError, match="no connection"), feed_of(home, port=port).listen("78"):
        pass


def test_a_stream_that_ends_is_unavailable_and_not_silent(home: Battery) -> None:
    with feed_of(home).listen("78") as stream:
        first(stream)
        home.twin.streams.disconnect()
        with pytest.raises(ProviderUnavailableError, match="ended"):
            listen(stream)


def test_a_message_of_many_mebibytes_ends_the_stream(home: Battery) -> None:
    with feed_of(home).listen("78") as stream:
        first(stream)
        home.twin.fault("message_huge", mib=4, times=1)
        with pytest.raises(ProviderUnavailableError, match="ended"):
            listen(stream)


def test_a_message_that_cannot_be_read_does_not_end_the_stream(home: Battery) -> None:
    with feed_of(home).listen("78") as stream:
        first(stream)
        home.twin.fault("message", body="no JSON", times=1)
        with pytest.raises(PayloadUnreadableError):
            listen(stream)
        first(stream)


@contextmanager
def mute_proxy(target: int) -> Iterator[tuple[int, threading.Event]]:
    """A proxy to `target` that forwards until the event is set, and then keeps both connections open and silent."""
    is_mute = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    sockets: list[socket.socket] = [listening]

    def forward(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                while is_mute.is_set():
                    time.sleep(0.05)
                other.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.create_connection(("127.0.0.1", target))
                sockets.extend((client, server))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=forward, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1], is_mute
    finally:
        is_mute.clear()
        for one in sockets:
            one.close()


def test_a_connection_that_has_died_without_a_word_is_found_out_by_pings(home: Battery) -> None:
    with (
        mute_proxy(home.clients[0].origin.port) as (port, is_mute),
        feed_of(home, port=port, ping=0.5).listen("78") as stream,
    ):
        first(stream)
        is_mute.set()
        began = time.monotonic()
        with pytest.raises(ProviderUnavailableError, match="ended"):
            listen(stream, seconds=10)
        assert time.monotonic() - began < 5


def test_a_stream_is_not_behind(home: Battery) -> None:
    with feed_of(home).listen("78") as stream:
        lags = [datetime.now(UTC) - first(stream).measured_at for _ in range(20)]
    assert min(lags) < timedelta(seconds=1)
