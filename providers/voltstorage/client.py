"""Talks to VoltStorage: products, exports and statistics as received."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Final

from domain.contract import ProviderClient
from domain.errors import (
    IncompleteAnswerError,
    NotYetPublishedError,
    ProviderError,
)
from domain.instants import EPOCH, MILLISECOND, milliseconds, now
from domain.records import Payload, Progress, Series
from domain.window import Window
from providers._discovery import discovered
from providers._http import ApiClient, Response
from providers._http_types import UNPROVEN
from providers._zones import REFUSED_ZONE
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.naming import Device, Naming
from providers.voltstorage.normalize import normalize
from providers.voltstorage.paging import JSON, ProductList
from providers.voltstorage.spans import LIFETIME, LONG, begun_and_over
from providers.voltstorage.spec import PRODUCTS_PER_PAGE, SPEC
from providers.voltstorage.wire import Product, export_name, meaning_of, parse_latest

_log: Final = logging.getLogger(__name__)

_CSV: Final = ("text/csv", "text/plain", "application/octet-stream")
_CLOCK_MARGIN: Final = timedelta(seconds=2)
"""How far our clock may be ahead of theirs before `to` lies in their future."""

_SAMPLE: Final = timedelta(hours=1)
"""The recent span whose header shows which columns a product has."""

_Ask = Callable[[Window], Payload]


class VoltStorage(ProviderClient):
    """One account at VoltStorage (`domain.contract.ProviderClient`).

    Args:
        http: Speaks to `…/rest` with the account's token.
        account: What to ask for, and what its fields mean.
        slice_of: The widest span of one request.
        products_per_page: Products in one page of the list.
        now: The time it is.
    """

    def __init__(
        self,
        http: ApiClient,
        account: AccountConfig,
        *,
        slice_of: timedelta = SPEC.max_window,
        products_per_page: int = PRODUCTS_PER_PAGE,
        now: Callable[[], datetime] = now,
    ) -> None:
        """Ask for nothing yet."""
        self._http = http
        self._account = account
        self._slice = slice_of
        self._list = ProductList(http, account, per_page=products_per_page)
        self._now = now

    @property
    def fingerprint(self) -> str:
        """The digest of all that decides what an answer holds and which part it belongs to."""
        account = asdict(replace(self._account, fields={}, live_names={}, site=""))
        return self._http.fingerprint(account)

    def products(self) -> list[Product]:
        """The products that the account may see, page by page until behind a short one there is nothing new.

        Raises:
            PagingLoopError: A page holds nothing but products of earlier ones.
            TruncationSuspectedError: A page was cut, as a later one shows.
            ProviderError: The list cannot be had.
        """
        self._http.new_step()  # who listens all day asks for it again and again, and begins anew each time
        return [product for page in self._list.pages() for product in page.products]

    def latest(self, device: Device, *, with_time: bool = True) -> tuple[datetime | None, dict[str, Any]]:
        """The latest values under their live names, and when they were updated, if that is asked for.

        One time for all of them: it says nothing about when each was measured, so no point is made of it.

        Raises:
            ProviderError: They cannot be had.
        """
        response = self._http.get(
            self._account.paths.latest, {**device.params, "includeTime": str(with_time).lower()}, accept=JSON
        )
        time, values = parse_latest(response.body, place=f"latest values of {device.name}")
        return None if time is None else EPOCH + timedelta(seconds=time), values

    def discover(self) -> Iterable[Series]:
        """The series of every product, as far as the header of a recent export, and the latest values, show them.

        A product that cannot be read is logged by number and left out, unless none can.

        Raises:
            ProviderError: No product can be read.
        """
        self._http.new_step()
        known = {product.id: product for product in self.products()}

        def series_of(device: Device) -> list[Series]:
            product = known.get(int(device.number)) if device.kind == "product" else None
            return [_placed(series, product) for series in self._series_of(device)]

        return discovered(self._devices(known), series_of, attrgetter("name"))

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """Ask for everything inside `window`; see `domain.contract.Provider.fetch`.

        A part is the export, or the statistics of one time span, of one product. Where the account names no products,
        the list of them is a part of its own, asked for anew whatever the progress: it decides what else is asked for.

        Raises:
            NotYetPublishedError: The window lies in the future.
            ProviderError: and nothing else.
        """
        self._http.new_step()
        reached = self._reached(window)
        listed: list[int] = []
        if self._account.products is None:
            for page in self._list.pages():
                listed += [product.id for product in page.products]
                yield self._list.payload(page, window)
        for device in self._devices(listed):
            for part, ask, slices in self._parts(device, window, reached):
                so_far = progress.get(part)
                if so_far is None or so_far.cursor is not None:
                    yield from _fetch_part(part, ask, slices, so_far)

    def plan(self, windows: Sequence[Window]) -> int:
        """How many requests fetching each of `windows` sends when nothing fails, without logins; it asks for the list.

        Raises:
            NotYetPublishedError: One of them lies in the future.
            ProviderError: The list of products cannot be had.
        """
        self._http.new_step()
        pages = [] if self._account.products is not None else list(self._list.pages())
        devices = self._devices(product.id for page in pages for product in page.products)
        return sum(
            len(pages) + sum(len(slices) for device in devices for _, _, slices in self._parts(device, window, reached))
            for window, reached in ((window, self._reached(window)) for window in windows)
        )

    def _devices(self, listed: Iterable[int]) -> list[Device]:
        products = listed if self._account.products is None else self._account.products
        return [
            *(Device("product", str(number)) for number in products),
            *(Device("component", str(number)) for number in self._account.components),
        ]

    def _reached(self, window: Window) -> Window:
        """`window` as far as it is over, in whole milliseconds: the provider refuses a future `from` or `to`.

        Raises:
            NotYetPublishedError: It has not begun.
        """
        latest = self._now() - _CLOCK_MARGIN
        if window.start >= latest:
            raise NotYetPublishedError(
                "the window lies in the future", place=f"{self._http.source}, {window}", fix="ask again once it is over"
            )
        return Window(_floor(window.start), _ceiling(min(window.end, latest)))

    def _parts(self, device: Device, window: Window, reached: Window) -> Iterator[tuple[str, _Ask, list[Window]]]:
        """Every part of a device, how a slice of it is asked for, and the slices there are.

        A lifetime is a reading of now: where `window` is over there is no place for it, and it is not asked for.
        """
        running = [] if reached.end >= window.end else [reached.end]
        slices = list(reached.slices(self._slice))
        yield f"{device.name}/export", lambda asked: self._export(device, asked), slices
        for timespan in self._account.statistics if device.kind == "product" else ():
            yield (
                f"{device.name}/statistics/{timespan}",
                partial(self._statistics, device, timespan),
                [
                    one
                    for one in slices
                    if (one.end in running if timespan == LIFETIME else self._spans_of(timespan, one) is not None)
                ],
            )

    def _spans_of(self, timespan: str, asked: Window) -> Window | None:
        """What to ask for, so that statistics are of whole months and years that are over; None if there are none."""
        return begun_and_over(timespan, asked, self._now() - _CLOCK_MARGIN) if timespan in LONG else asked

    def _export(self, device: Device, asked: Window) -> Payload:
        """One export.

        Raises:
            IncompleteAnswerError: Only the end of the connection says that it is whole; a CSV has no end of its own.
        """
        account = self._account
        params = {
            **device.params,
            "from": _seconds(asked.start),
            "to": _seconds(asked.end),
            "precision": str(account.precision),
            "tolerance": f"{account.tolerance:g}",
        }
        optional = {
            "fields": None if account.export_fields is None else ",".join(account.export_fields),
            "tz": account.tz_minutes,
            "separator": account.separator if account.export_format == "csv" else None,
        }
        params |= {name: str(value) for name, value in optional.items() if value is not None}
        is_csv = account.export_format == "csv"
        response = self._http.get(
            f"{account.paths.export}.{account.export_format}", params, accept=_CSV if is_csv else JSON
        )
        if is_csv:
            self._require_end(response, f"export of {device.name}, {asked}")
        proof = f"{response.proof}, {'ended line' if is_csv else 'closed document'}"
        return _payload(account.paths.export, params | {"format": account.export_format}, asked, response, proof)

    def _require_end(self, response: Response, place: str) -> None:
        if response.proof == UNPROVEN:
            raise IncompleteAnswerError(
                "the connection was closed, and nothing else says that the export is whole",
                place=place,
                fix="wait for the next try; if it stays, something on the way strips the length of answers",
            )
        if self._account.is_last_line_ended and not response.body.endswith(b"\n"):
            raise IncompleteAnswerError(
                "the last line of the export has no end, so it was cut",
                place=place,
                fix="wait for the next try; if the provider never ends its last line, say is_last_line_ended: false",
            )

    def _statistics(self, device: Device, timespan: str, asked: Window) -> Payload:
        spans = self._spans_of(timespan, asked) or asked
        params = {**device.params, "tstart": _seconds(spans.start), "tend": _seconds(spans.end), "timespan": timespan}
        response = self._http.get(self._account.paths.statistics, params, accept=JSON)
        return _payload(self._account.paths.statistics, params, asked, response, f"{response.proof}, closed document")

    def _series_of(self, device: Device) -> Iterator[Series]:
        """The series of one device: the columns of a recent export, and the numbers among the latest values."""
        end = self._now() - _CLOCK_MARGIN
        sample = self._export(device, Window(end - _SAMPLE, end))
        naming = Naming(self._account)
        for batch in normalize([sample], sample.window, self._account):
            yield from batch.series
        for name in self._live_fields(device):
            exported = export_name(self._account, name)
            if meaning_of(self._account, exported) is not None:
                yield naming.of_field(device, exported)

    def _live_fields(self, device: Device) -> Sequence[str]:
        if device.kind != "product":
            return ()
        try:
            return tuple(self.latest(device)[1])
        except ProviderError as error:  # the path is our choice; the export alone says enough
            _log.warning("The latest values of %s stay unknown: %s", device.name, error)
            return ()


def _fetch_part(part: str, ask: _Ask, slices: Sequence[Window], so_far: Progress | None) -> Iterator[Payload]:
    """The slices of a part, one page each; the cursor is the start of the next one in milliseconds."""
    starts = [str(milliseconds(one.start)) for one in slices]
    first = 0
    if so_far is not None and so_far.cursor in starts:
        first = starts.index(so_far.cursor)
    for page, asked in enumerate(slices[first:], start=first + 1):
        cursor = starts[page] if page < len(slices) else None
        yield replace(ask(asked), part=part, page=page, cursor=cursor)


def _payload(endpoint: str, params: Mapping[str, str], asked: Window, response: Response, proof: str) -> Payload:
    return Payload(
        endpoint=endpoint,
        params=params,
        window=asked,
        part="",
        page=0,
        received_at=response.received_at,
        media_type=response.media_type,
        body=response.body,
        proof=proof,
    )


def _placed(series: Series, product: Product | None) -> Series:
    """A series with what the list of products says about where it stands."""
    if product is None:
        return series
    refused = {REFUSED_ZONE: product.refused_zone} if product.refused_zone else {}
    site = series.site or product.group
    return replace(series, time_zone=product.time_zone, site=site, labels={**series.labels, **refused})


def _floor(instant: datetime) -> datetime:
    return EPOCH + milliseconds(instant) * MILLISECOND


def _ceiling(instant: datetime) -> datetime:
    return EPOCH - (EPOCH - instant) // MILLISECOND * MILLISECOND


def _seconds(instant: datetime) -> str:
    """Epoch seconds, with milliseconds where there are any."""
    millis = milliseconds(instant)
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis / 1000:.3f}"
