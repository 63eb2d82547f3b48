"""What Climkit's answers mean: rows become points of series. Pure: no clock, no network.

What a site is, and what its meters and sensors measure, stands in the lists that begin its pull. An answer that comes
before them is held back until they have come, so that order changes nothing.

Values are dealt with in this order, each counted once:

    unmapped      a number of a key, a type of meter or a unit of sensor that nobody knows, by name; or of a load curve
    rejected      the row has no usable time or lies just outside, two of one instant differ, or the value is impossible
    duplicates    the same value of the same field said again for the same instant
    measurements  numbers, in canonical units, rounded to a millionth of the provider's unit

Null and missing are no values. Rows of other windows are left out before anything is counted; a row without a time
belongs to the window in which its request begins. An hour, day, month or year that was not over is left out, too.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Conversion, Kinds
from domain.records import Payload, Reason
from domain.window import Window
from providers._batch import Batch
from providers._points import Floats, Integers
from providers.climkit.account import AccountConfig
from providers.climkit.document import TIME, Document, floats, place_of
from providers.climkit.meanings import Listing
from providers.climkit.requests import SENSOR_DATA
from providers.climkit.spec import INSTALLATIONS
from providers.climkit.wire import (
    Row,
    Site,
    parse_installations,
    parse_meters,
    parse_rows,
    parse_sensors,
    parse_site,
    unreadable,
)

_DUST: Final = 1e6
"""Values are rounded to the inverse of this, in the provider's unit: differences of counters carry float dust."""


def normalize(
    payloads: Iterable[Payload], window: Window, account: AccountConfig, kinds: Kinds = NO_KINDS
) -> Iterator[Normalized]:
    """Say what `payloads` mean inside `window`: see `normalize_each`."""
    return (batch for _, batch in normalize_each(payloads, (window,), account, kinds))


def normalize_each(
    payloads: Iterable[Payload], windows: Sequence[Window], account: AccountConfig, kinds: Kinds = NO_KINDS
) -> Iterator[tuple[int, Normalized]]:
    """Say what `payloads` mean inside each of `windows`: for each answer one batch for every window it has rows of.

    Raises:
        PayloadUnreadableError: An answer does not fit `wire`, or the lists that say what it is are missing.
        OutsideWindowError: An answer holds rows that nobody asked for, more than an interval away.
    """
    sites: dict[str, Site] = {}
    pending: dict[str, list[Payload]] = {}
    for payload in payloads:
        listing = _listing_of(payload)
        if listing is None:
            site = learn(sites.get(payload.part, Site(payload.part)), payload, account)
            sites[site.id] = site
            waiting, pending[site.id] = pending.get(site.id, []), []
        else:
            site, waiting = sites.get(listing.site, Site(listing.site)), [payload]
        for one in waiting:
            if not any(one.window.touches(window) for window in windows):
                continue
            document = _answer(one, site, account, kinds)
            if document is None:
                pending.setdefault(site.id, []).append(one)
            else:
                yield from _batches(document, windows)
    for unread in pending.values():
        for payload in unread:
            raise unreadable("the lists that say what this answer is are not there", place_of(payload))


def learn(site: Site, payload: Payload, account: AccountConfig) -> Site:
    """`site` with what a list says of it; other answers say nothing.

    Raises:
        PayloadUnreadableError: The list does not fit `wire`.
    """
    place = place_of(payload)
    if payload.endpoint == INSTALLATIONS:
        parse_installations(payload.body, place=place)
    elif payload.endpoint.startswith("installation_infos/"):
        info = parse_site(payload.body, place=place, zones=account.zones)
        return replace(site, name=info.name, zone=info.zone, refused_zone=info.refused_zone)
    elif payload.endpoint.startswith("meter_info/"):
        return replace(site, meters=parse_meters(payload.body, place=place))
    elif payload.endpoint.endswith("/sensors_list"):
        return replace(site, sensors=parse_sensors(payload.body, place=place))
    return site


def _listing_of(payload: Payload) -> Listing | None:
    return Listing.of(payload.endpoint, payload.params.get("sampling_frequency", "15T"))


def _answer(payload: Payload, site: Site, account: AccountConfig, kinds: Kinds) -> Document | None:
    """A data answer, read; None if the lists it needs have not come yet."""
    listing = _listing_of(payload)
    assert listing is not None  # noqa: S101  # data answers alone come here
    is_known = site.sensors is not None if listing.kind == SENSOR_DATA else site.meters is not None
    if site.zone is None or not is_known:
        parse_rows(payload.body, place=place_of(payload))
        return None
    return Document(payload, listing, site, account, kinds)


def _batches(document: Document, windows: Sequence[Window]) -> Iterator[tuple[int, Normalized]]:
    for index, window in enumerate(windows):
        if document.payload.window.touches(window):
            batch = _Share(document).read(window)
            if batch.n_received or batch.unmapped:
                yield index, batch


class _Share:
    """What an answer says inside one window, on its way to a batch."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.batch = Batch(document.sha256)

    def read(self, window: Window) -> Normalized:
        """The batch: every value inside `window` accounted for."""
        document = self.document
        for untimed, reason in document.untimed(window):
            self._reject_untimed(untimed, reason)
        for row in document.near(window):
            self._reject_untimed(row, Reason.OUTSIDE)
        kept = document.inside(window)
        rows, times = [document.rows[index] for index in kept], document.starts[kept]
        names = sorted(set().union(*rows)) if rows else []
        curves = {name for name in names if name != TIME and document.is_no_register(name)}
        for name in curves:
            n_present = sum(row.get(name) is not None for row in rows)
            self.batch.unmapped |= {f"{self._unknown(name)} (a load curve)": n_present} if n_present else {}
        for name in names:
            if name != TIME and name not in curves:
                self._add(name, rows, times)
        return self.batch.read()

    def _add(self, name: str, rows: Sequence[Row], times: Integers) -> None:
        meaning = self.document.meaning(name)
        column = [row.get(name) for row in rows]
        present = [index for index, value in enumerate(column) if value is not None]
        if meaning is None:
            if present:
                self.batch.unmapped[self._unknown(name)] = len(present)
            return
        good, values = self._numbers(name, column, present, rows, meaning.conversion)
        chosen, kept = self._once(name, times[good], values, [rows[index] for index in good])
        if len(chosen):
            self.batch.add_numbers(meaning.series, chosen, kept)

    def _numbers(
        self, name: str, column: Sequence[Any], present: list[int], rows: Sequence[Row], meaning: Conversion
    ) -> tuple[list[int], Floats]:
        """The rows with a possible number, by index, and their canonical values; the others are rejected."""
        numeric = present
        cells = column if len(present) == len(column) else [column[index] for index in present]
        if not set(map(type, cells)) <= {int, float}:
            numeric = [index for index in present if type(column[index]) in (int, float)]
            for index in sorted(set(present) - set(numeric)):
                self._reject(rows[index], Reason.WRONG_TYPE, name)
            cells = [column[index] for index in numeric]
        sent = floats(cells)
        with np.errstate(over="ignore", invalid="ignore"):
            values = _canonical(sent, meaning)
            possible = (values >= meaning.quantity.low) & (values <= meaning.quantity.high)
        for position in np.flatnonzero(~possible).tolist():
            reason = Reason.OUT_OF_LIMITS if np.isfinite(sent[position]) else Reason.NOT_FINITE
            self._reject(rows[numeric[position]], reason, name)
        if possible.all():
            return numeric, values
        return [numeric[position] for position in np.flatnonzero(possible).tolist()], values[possible]

    def _once(self, name: str, times: Integers, values: Floats, rows: Sequence[Row]) -> tuple[Integers, Floats]:
        """Each instant once: what is said twice is counted, what is contradicted is rejected."""
        if bool((np.diff(times) > 0).all()):  # one row contradicts nobody
            return times, values
        first: dict[int, int] = {}
        contradicted: set[int] = set()
        for position, at in enumerate(times.tolist()):
            if at in first and values[first[at]] != values[position]:
                contradicted.add(at)
            first.setdefault(at, position)
        for position, at in enumerate(times.tolist()):
            if at in contradicted:
                self._reject(rows[position], Reason.AMBIGUOUS_IDENTITY, name)
            elif first[at] != position:
                self.batch.n_duplicates += 1
        kept = [position for at, position in first.items() if at not in contradicted]
        return times[kept], values[kept]

    def _unknown(self, name: str) -> str:
        """How an unmapped field is named in the ledger."""
        listing, site = self.document.listing, self.document.site
        if listing.kind == SENSOR_DATA:
            sensor = (site.sensors or {}).get(listing.subject)
            return f"sensor {sensor.type if sensor else listing.subject} in {sensor.unit if sensor else '?'}/{name}"
        meter = (site.meters or {}).get(listing.subject)
        return f"{listing.kind} of {meter.type if meter else listing.subject}/{name}"

    def _reject_untimed(self, row: object, reason: Reason) -> None:
        """Reject each point of a row without a usable time or just outside, or else the row; or what is no row."""
        if not isinstance(row, dict):
            self._reject(row, Reason.MALFORMED_ROW)
            return
        named = [name for name, value in row.items() if value is not None and name != TIME]
        for name in [name for name in named if self.document.meaning(name) is not None] or [""]:
            self._reject(row, reason, name)

    def _reject(self, row: object, reason: Reason, name: str = "") -> None:
        text = self.document.as_sent.text(row, sort_keys=True)
        raw = f"{json.dumps(name)} of {text}" if name else text
        meaning = self.document.meaning(name) if name else None
        listing = self.document.listing
        self.batch.reject(raw, reason, meaning.series.key if meaning else f"{listing.site}/{listing.subject}/")


def _canonical(sent: Floats, meaning: Conversion) -> Floats:
    """Canonical values, without float dust; of kWh the rounding is done so that the Wh have none either."""
    if meaning.offset or meaning.factor not in (1, 1000):
        values: Floats = np.round(sent, 6) * meaning.factor + meaning.offset
        return values
    rounded: Floats = np.rint(sent * _DUST) / (_DUST / meaning.factor)
    return rounded
