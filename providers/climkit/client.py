"""Talks to Climkit: lists of what there is, and rows of data, as received."""

import json
import logging
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from domain.contract import ProviderClient
from domain.errors import RequestRejectedError
from domain.records import Payload, Progress, Series
from domain.window import Window
from providers._http import ApiClient, Response
from providers._json import closed_by_document
from providers.climkit.account import AccountConfig
from providers.climkit.meanings import Listing, meaning_of
from providers.climkit.normalize import learn
from providers.climkit.requests import (
    METER_DATA,
    REGISTERS,
    SENSOR_DATA,
    SITE_DATA,
    Request,
    chosen_meters,
    frequencies_of,
    lists_of,
    requests_of,
    require_meters,
)
from providers.climkit.spec import INSTALLATIONS, LIST_OF_SITES
from providers.climkit.wire import (
    METER_FIELDS,
    REGISTERS_OF,
    SITE_FIELDS,
    Meter,
    Sensor,
    Site,
    parse_installations,
    parse_rows,
)

_log: Final = logging.getLogger(__name__)

_PRODUCER_FIELDS: Final = ("total",)
_SITE_FIELDS_OF_OTHERS: Final = ("conso_total",)


class Climkit(ProviderClient):
    """One account at Climkit (`domain.contract.ProviderClient`).

    A site is one part: first the lists of what it has, then its data, request by request. The lists of all sites come
    before any data, so that a meter that nobody lists is known before. The cursor holds what the lists said, so that an
    interrupted pull goes on without asking for anything twice.

    Args:
        http: Speaks to `…/api/v1/` with the account's credentials.
        account: Which sites, and which of their data.
    """

    def __init__(self, http: ApiClient, account: AccountConfig) -> None:
        """Ask for nothing yet."""
        self._http = http
        self._account = account

    @property
    def fingerprint(self) -> str:
        """The digest of all that decides what an answer holds and which part it belongs to."""
        account = asdict(self._account)
        for name in ("sensors", "load_curves"):
            del account[name]  # how values are read, not which ones are asked for
        return self._http.fingerprint(account)

    def discover(self) -> Iterable[Series]:
        """The documented series of every meter, register and sensor of every site, as their lists show them.

        Raises:
            ProviderError: A list cannot be had, or not be read.
            RequestRejectedError: The account names a meter that no site lists.
        """
        self._http.new_step()
        now = datetime.now(UTC)
        found: dict[str, Series] = {}
        for site in self._listed_sites(Window.of_day(now.date())):
            for listing, fields in _documented(site, self._account):
                meanings = (meaning_of(field, listing, site, self._account) for field in fields)
                found.update((meaning.series.key, meaning.series) for meaning in meanings if meaning is not None)
        return tuple(found.values())

    def plan(self, windows: Sequence[Window]) -> int:
        """How many requests fetching each of `windows` sends when nothing fails, without logins: one in ten minutes.

        It asks for the lists itself, once, which each fetch will do again.

        Raises:
            ProviderError: A list cannot be had, or not be read.
            RequestRejectedError: The account names a meter that no site lists.
        """
        self._http.new_step()
        count = 0 if self._account.sites else len(windows)
        for site in self._listed_sites(Window.of_day(datetime.now(UTC).date())):
            for window in windows:
                count += len(lists_of(site.id, window, self._account))
                count += sum(1 for _ in requests_of(site, window, self._account))
        return count

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """Ask for everything of every site inside `window`; see `domain.contract.Provider.fetch`.

        A part is a site. Where the account names none, the list of sites is a part of its own, asked for anew whatever
        the progress: what it says decides what else is asked for.

        Raises:
            RequestRejectedError: The account names a meter that no site lists.
            ProviderError: and nothing else.
        """
        self._http.new_step()
        sites = self._account.sites
        if sites is None:
            request = Request("GET", INSTALLATIONS, {}, window)
            response = self._ask(request)
            sites = parse_installations(response.body, place=INSTALLATIONS)
            yield _payload(response, request, LIST_OF_SITES, page=1, cursor=None)
        open_sites = [name for name in sites if (so_far := progress.get(name)) is None or so_far.cursor is not None]
        known: list[tuple[Site, int]] = []
        for name in open_sites:
            site, n_done = yield from self._fetch_lists(name, window, progress.get(name))
            known.append((site, n_done))
        if open_sites == list(sites):  # else some are finished, and this was looked at before they were
            require_meters([site for site, _ in known], self._account)
        for site, n_done in known:
            yield from self._fetch_rows(site, window, n_done)

    def _fetch_lists(
        self, name: str, window: Window, so_far: Progress | None
    ) -> Generator[Payload, None, tuple[Site, int]]:
        """The lists of a site that are not landed yet; then the site as they say, and how many pages are landed."""
        site, n_done = _resumed(name, so_far)
        lists = lists_of(name, window, self._account)
        for page, request in enumerate(lists[n_done:], n_done + 1):
            response = self._ask(request)
            site = learn(site, _payload(response, request, name, page=page, cursor=None), self._account)
            is_last = page == len(lists) and next(requests_of(site, window, self._account), None) is None
            yield _payload(response, request, name, page=page, cursor=None if is_last else _cursor(site))
        return site, max(n_done, len(lists))

    def _fetch_rows(self, site: Site, window: Window, n_done: int) -> Iterator[Payload]:
        n_lists = len(lists_of(site.id, window, self._account))
        requests = list(requests_of(site, window, self._account))
        chunk = None
        for number, request in enumerate(requests[n_done - n_lists :], n_done - n_lists + 1):
            if request.window != chunk:
                chunk = request.window
                self._http.new_step()
            response = self._ask(request)
            cursor = None if number == len(requests) else _cursor(site)
            yield _payload(response, request, site.id, page=n_lists + number, cursor=cursor)

    def _ask(self, request: Request) -> Response:
        """One answer, whole and of the right shape.

        Raises:
            IncompleteAnswerError: Neither the transport nor the document shows where it ends.
            RequestRejectedError: The site, or a time as early as this, is not open to the account.
        """
        # Of a token that is good: of this site, or this far back, nothing may be read.
        handled_statuses = (HTTPStatus.FORBIDDEN,)
        if request.method == "GET":
            response = self._http.get(request.endpoint, request.params, handled_statuses=handled_statuses)
        else:
            response = self._http.post(request.endpoint, json=dict(request.params), handled_statuses=handled_statuses)
        place = f"{request.endpoint} {request.window}"
        if response.status == HTTPStatus.FORBIDDEN:
            raise RequestRejectedError(
                "the account may not read this",
                place=f"{self._http.source}, {place}",
                fix="ask the provider which sites, and since when, the account may read; name them under sites",
                status=response.status,
            )
        if Listing.of(request.endpoint, "15T") is None:
            return response
        with closed_by_document(response.proof, place=place):
            parse_rows(response.body, place=place)
        return response

    def _sites(self) -> tuple[str, ...]:
        if self._account.sites is not None:
            return self._account.sites
        request = Request("GET", INSTALLATIONS, {}, Window.of_day(datetime.now(UTC).date()))
        return parse_installations(self._ask(request).body, place=INSTALLATIONS)

    def _listed_sites(self, window: Window) -> list[Site]:
        """Every site with what its lists say.

        Raises:
            RequestRejectedError: The account names a meter that none of them has.
        """
        sites: list[Site] = []
        for name in self._sites():
            site = Site(name)
            for page, request in enumerate(lists_of(name, window, self._account), 1):
                payload = _payload(self._ask(request), request, name, page=page, cursor=None)
                site = learn(site, payload, self._account)
            sites.append(site)
        require_meters(sites, self._account)
        return sites


def _documented(site: Site, account: AccountConfig) -> Iterator[tuple[Listing, tuple[str, ...]]]:
    """What can be asked about `site`, and the fields that its document promises."""
    meters = chosen_meters(site, account)
    for frequency in frequencies_of(site, account):
        for kind in sorted({meter.type for meter in meters}) if account.has_site_totals else ():
            names = SITE_FIELDS if kind == "electricity" else _SITE_FIELDS_OF_OTHERS
            yield Listing(SITE_DATA, site.id, kind, frequency), names
        for meter in meters:
            is_consumer = meter.type == "electricity" and meter.mode != "production"
            yield Listing(METER_DATA, site.id, meter.id, frequency), METER_FIELDS if is_consumer else _PRODUCER_FIELDS
    for meter in meters:
        if account.has_registers and not meter.is_rule:
            yield Listing(REGISTERS, site.id, meter.id), REGISTERS_OF.get(meter.type, ())
    for sensor in site.sensors or {}:
        yield Listing(SENSOR_DATA, site.id, sensor), ("value",)


def _cursor(site: Site) -> str:
    return json.dumps(asdict(site), separators=(",", ":"))


def _resumed(name: str, so_far: Progress | None) -> tuple[Site, int]:
    """What the lists of a site said, and how many pages were landed; nothing, if it cannot be gone on with."""
    if so_far is None or so_far.cursor is None:
        return Site(name), 0
    try:
        document = json.loads(so_far.cursor)
        meters, sensors = document["meters"], document["sensors"]
        site = Site(
            id=str(document["id"]),
            name=document["name"],
            zone=document["zone"],
            refused_zone=str(document.get("refused_zone", "")),
            meters=None if meters is None else {key: Meter(**meter) for key, meter in meters.items()},
            sensors=None if sensors is None else {key: Sensor(**sensor) for key, sensor in sensors.items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        _log.warning("The site %s is asked for anew: what an earlier pull left behind cannot be read.", name)
        return Site(name), 0
    return (site, so_far.page) if site.id == name else (Site(name), 0)


def _payload(response: Response, request: Request, part: str, *, page: int, cursor: str | None) -> Payload:
    return Payload(
        endpoint=request.endpoint,
        params=request.params,
        window=request.window,
        part=part,
        page=page,
        received_at=response.received_at,
        media_type=response.media_type,
        body=response.body,
        proof=f"{response.proof}, closed document",
        cursor=cursor,
    )
