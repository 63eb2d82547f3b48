"""The live stream of VoltStorage: what a message means, and one stream for each product."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from domain.contract import Budget
from domain.errors import (
    CredentialsRejectedError,
    ProviderError,
    ProviderUnavailableError,
    RequestRejectedError,
    WarehouseUnavailableError,
)
from domain.instants import EPOCH, MICROSECOND
from domain.live import LiveMessage, LivePoint, LiveStream
from domain.quantities import Kind
from domain.records import Json, Series
from domain.texts import clipped, is_nan, text_reason
from providers._addresses import Origin
from providers._http_client import FRESH_WAITS_SECONDS
from providers._http_errors import FORBIDDEN
from providers._http_types import Limits
from providers._login import BearerLogin
from providers._numbers import looks_like_number
from providers._points import CLOCK_TOLERANCE, EARLIEST
from providers._proxy import Proxy
from providers._stream import RefusedStreamError, StreamLimits, TextStream, open_stream
from providers.voltstorage.account import IN_QUERY, AccountConfig
from providers.voltstorage.cells import one_number
from providers.voltstorage.client import VoltStorage
from providers.voltstorage.naming import Device, Naming
from providers.voltstorage.spec import MAX_COLUMNS
from providers.voltstorage.wire import export_name, meaning_of, parse_json, unreadable

DATA: Final = "latest-data"
"""The one type of message that is documented; others are events without data."""

_LONGEST_NAME: Final = 256


def read_message(text: str, device: Device, naming: Naming, received_at: datetime) -> LiveMessage | None:
    """What a message says; None if it is an event without data, or without a value.

    Args:
        text: As received.
        device: Whose stream.
        naming: Of the account.
        received_at: When it arrived.

    Raises:
        PayloadUnreadableError: It does not fit the vocabulary.
    """
    place = f"stream of {device.name}"
    document = parse_json(text, place=place)
    if not isinstance(document, dict) or not isinstance(document.get("type"), str):
        raise unreadable(f"a message of the stream is {clipped(document)}", place)
    if document["type"] != DATA:
        return None
    if not isinstance(document.get("data"), dict):
        raise unreadable("a message of the stream has no data", place)
    if len(document["data"]) > MAX_COLUMNS:
        n_fields = len(document["data"])
        raise unreadable(f"a message has {n_fields:,} fields, and {MAX_COLUMNS:,} are allowed, as in an export", place)
    measured_at = _instant(document.get("time"), received_at, place)
    points, n_ignored = [], 0
    for name, value in document["data"].items():
        if value is None:
            continue
        point = _point(export_name(naming.account, name), value, device, naming, measured_at)
        if point is None:
            n_ignored += 1
        else:
            points.append(point)
    return LiveMessage(measured_at, tuple(points), n_ignored) if points or n_ignored else None


class VoltStorageFeed:
    """The live streams of one account (`domain.live.LiveFeed`).

    Args:
        service: Lists the products, where the account names none.
        origin: Where the API lives.
        login: Proves who we are.
        account: What its fields mean, and where the stream is.
        source: Whose account it is, for messages.
        budget: Asked before a stream is opened: a provider that wants no request wants none of ours.
        limits: The bounds of a stream.
        ca_file: A private certificate authority in PEM, believed beside the public ones.
        proxy: What connects in our place; None for nothing.
        sleep: Waits before a fresh token is shown again.
    """

    def __init__(
        self,
        service: VoltStorage,
        origin: Origin,
        login: BearerLogin,
        *,
        account: AccountConfig,
        source: str,
        budget: Budget | None = None,
        limits: StreamLimits = StreamLimits(),
        ca_file: Path | None = None,
        proxy: Proxy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._service = service
        self._origin = origin
        self._login = login
        self._account = account
        self._source = source
        self._budget = budget
        self._limits = limits
        self._ca_file = ca_file
        self._proxy = proxy
        self._sleep = sleep
        self._accepted: Mapping[str, str] | None = None

    def parts(self) -> Sequence[str]:
        """The numbers of the products."""
        if self._account.products is not None:
            return [str(number) for number in self._account.products]
        return [str(product.id) for product in self._service.products()]

    @contextmanager
    def listen(self, part: str) -> Iterator[LiveStream]:
        """The stream of one product.

        Raises:
            CredentialsRejectedError: The login does not let us in, or its fresh token is worth nothing.
            RequestRejectedError: This product is none of ours, which says nothing about the others.
            RateLimitedError: The provider wants no request now, and was not asked.
            ProviderError: It does not open.
        """
        with self._opened(part) as stream:
            yield _Listening(stream, Device("product", part), Naming(self._account))

    @staticmethod
    def part_of(series: Series) -> str | None:
        """The product whose samples a series holds; None for statistics and components."""
        return series.labels.get("product") if "field" in series.labels else None

    def _opened(self, part: str) -> TextStream:
        """The stream. As with every other request, a fresh token that is refused is shown again; then it is renewed."""
        waits, is_renewed = iter(FRESH_WAITS_SECONDS), False
        while True:
            headers = self._login.headers()
            if self._budget is not None:
                with suppress(WarehouseUnavailableError):  # a stream is listened to while the warehouse is away
                    self._budget.answered(self._budget.take())
            try:
                stream = self._open(part, headers)
            except RefusedStreamError as refused:
                may_be_early = headers != self._accepted and self._login.is_fresh(headers)
                wait = next(waits, None) if may_be_early else None
                if not refused.accuses_token or (is_renewed and wait is None):
                    error = _of_product(refused)
                    asked = error.retry_after_seconds if isinstance(error, ProviderUnavailableError) else None
                    if self._budget is not None and asked is not None and asked > Limits().longest_retry_after_seconds:
                        self._budget.postpone(asked)
                    raise error from None
            else:
                self._accepted = headers
                return stream
            if wait is not None:
                self._sleep(wait)
            else:
                is_renewed = True
                self._login.renew(headers)

    def _open(self, part: str, headers: Mapping[str, str]) -> TextStream:
        params = {"productId": part}
        if self._account.token_in == IN_QUERY:
            params["token"] = headers["authorization"].removeprefix("Bearer ")
            headers = {}
        return open_stream(
            self._origin,
            self._account.paths.stream,
            params,
            headers,
            source=self._source,
            limits=self._limits,
            ca_file=self._ca_file,
            proxy=self._proxy,
        )


def _of_product(refused: RefusedStreamError) -> ProviderError:
    """What a refusal means. A 403 is about the product: the token was good enough to be told so."""
    if refused.accuses_token or not isinstance(refused.error, CredentialsRejectedError):
        return refused.error
    fix = "check that the user may read this product, or take it out of the source's settings"
    return RequestRejectedError(refused.error.culprit, place=refused.error.place, fix=fix, status=FORBIDDEN)


class _Listening:
    """One open stream, understood."""

    def __init__(
        self,
        stream: TextStream,
        device: Device,
        naming: Naming,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stream = stream
        self._device = device
        self._naming = naming
        self._now = now

    def receive(self, timeout_seconds: float) -> LiveMessage | None:
        """See `domain.live.LiveStream.receive`."""
        end = time.monotonic() + timeout_seconds
        while (left := end - time.monotonic()) > 0:
            text = self._stream.receive(left)
            if text is None:
                return None
            heard = read_message(text, self._device, self._naming, self._now())
            if heard is not None:
                return heard
        return None

    def close(self) -> None:
        """End it."""
        self._stream.close()


def _instant(time: object, received_at: datetime, place: str) -> datetime:
    """The instant of a message: epoch seconds, whole or with a fraction. Nothing is guessed from its size."""
    number = one_number(time)
    if isinstance(number, float):
        earliest = (EARLIEST - EPOCH).total_seconds()
        latest = (received_at + CLOCK_TOLERANCE - EPOCH).total_seconds()
        if earliest <= number <= latest:
            return EPOCH + round(number * 1_000_000) * MICROSECOND
    raise unreadable(f"the time of a message is {clipped(time)}, which is no epoch in seconds until now", place)


def _point(name: str, value: Json, device: Device, naming: Naming, at: datetime) -> LivePoint | None:
    """One value as a point; None if it is none."""
    if not name or len(name) > _LONGEST_NAME or text_reason(name) is not None:
        return None
    meaning = meaning_of(naming.account, name)
    if isinstance(value, str):
        is_number = is_nan(text := value.strip()) or looks_like_number(text)
        is_state = not is_number if meaning is None else meaning[1].quantity.kind is Kind.STATE
        if not is_state or text_reason(value) is not None:
            return None
        return LivePoint(naming.of_field(device, name, is_state=True), at, value)
    number = one_number(value)
    if meaning is None or not isinstance(number, float) or meaning[1].quantity.kind is Kind.STATE:
        return None
    canonical = number * meaning[1].factor + meaning[1].offset
    if not meaning[1].quantity.low <= canonical <= meaning[1].quantity.high:
        return None
    return LivePoint(naming.of_field(device, name), at, canonical)
