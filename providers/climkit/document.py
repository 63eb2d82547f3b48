"""One data answer of Climkit, read once, whatever windows are asked about."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cached_property, partial
from operator import itemgetter
from typing import Any, Final

import numpy as np

from domain.errors import OutsideWindowError
from domain.instants import EPOCH, MICROSECOND, microseconds
from domain.quantities import NO_KINDS, Kind, Kinds
from domain.records import Payload, Reason
from domain.window import Window
from domain.zones import refusal, zone
from providers._as_sent import AsSent, read_sent
from providers._outside import near_outside, reach_of, untimed_inside
from providers._points import Floats, Integers, to_float
from providers.climkit.account import AccountConfig
from providers.climkit.buckets import CALENDAR, LONGEST, end_of
from providers.climkit.meanings import Listing, Meaning, meaning_of
from providers.climkit.requests import REGISTERS, SENSOR_DATA
from providers.climkit.times import read_epochs, read_texts
from providers.climkit.wire import Row, Site, parse_rows, unreadable

_LEAST: Final = 4  # changes, before anything is concluded from them
_SHARE: Final = 4
_MOST_ZEROS: Final = 4  # of this many readings fewer than one is 0 where a counter only reads it for a moment


def falls_like_no_counter(values: Floats) -> bool:
    """Whether a quarter of all changes go down, and together further than the highest value is high.

    A counter that jitters while nothing is used falls often, but not far. One that is reset, exchanged or rolls over
    falls far, but once. One that reads 0 for a moment, perhaps often, goes on where it was: where both explanations
    fit, it is a counter.

    Args:
        values: What was read of one field, in the order of time.
    """
    read = values[np.isfinite(values)]
    rest = read[read != 0]
    if (len(read) - len(rest)) * _MOST_ZEROS < len(read) and bool((np.diff(rest) >= 0).all()):
        return False
    changes = np.diff(read)
    changes = changes[changes != 0]
    falls = -changes[changes < 0]
    return bool(
        len(changes) >= _LEAST and len(falls) * _SHARE >= len(changes) and falls.sum() > np.abs(read).max(initial=0.0)
    )


TIME: Final = "timestamp"


class Document:
    """A data answer whose site is known.

    Args:
        payload: The answer.
        listing: What it is about.
        site: What the lists say of the site.
        account: What it was asked for.
        kinds: What the catalogue knows of the series already.

    Attributes:
        rows: Its rows with a usable time.
        as_sent: How the answer was written.
        starts: The starts of their intervals, in microseconds since the epoch.

    Raises:
        PayloadUnreadableError: It does not fit `wire`.
        OutsideWindowError: It holds rows that nobody asked for.
    """

    def __init__(
        self, payload: Payload, listing: Listing, site: Site, account: AccountConfig, kinds: Kinds = NO_KINDS
    ) -> None:
        self._kinds = kinds
        self.payload, self.listing, self.site, self.account = payload, listing, site, account
        place = place_of(payload)
        if site.refused_zone and listing.frequency in CALENDAR:
            raise unreadable(f"{refusal(site.refused_zone)}, and these intervals follow its calendar", place)
        self._sent = parse_rows(payload.body, place=place)
        self.as_sent = AsSent(self._sent, partial(read_sent, payload.body))
        rows: list[Row] = [row if isinstance(row, dict) else {} for row in self._sent]
        read = read_epochs if listing.kind == SENSOR_DATA else read_texts
        times, self._invalid = read([row.get(TIME) for row in rows], payload.received_at, place=place)
        self._all_starts = times - listing.behind(account) // MICROSECOND
        fine = [index for index in range(len(rows)) if index not in self._invalid] if self._invalid else None
        self.rows = rows if fine is None else [rows[index] for index in fine]
        self.starts: Integers = self._all_starts if fine is None else self._all_starts[fine]
        self._refuse_strays()
        self._meanings: dict[str, Meaning | None] = {}
        self._curves: dict[str, bool] = {}

    @cached_property
    def sha256(self) -> str:
        """The address of the answer in the landing zone."""
        return self.payload.sha256

    def inside(self, window: Window) -> list[int]:
        """The rows, by index, that belong to what was asked for, to `window`, and to an interval that is over."""
        asked, frequency = self.payload.window, self.listing.frequency
        low, high = max(asked.start, window.start), min(asked.end, window.end)
        kept = (self.starts >= microseconds(low)) & (self.starts < microseconds(high))
        if frequency not in ("", "15T"):
            known, received_at = zone(self.site.zone or "UTC"), self.payload.received_at
            late = kept & (self.starts > microseconds(received_at - LONGEST[frequency]))
            for index in np.flatnonzero(late).tolist():
                kept[index] = end_of(EPOCH + int(self.starts[index]) * MICROSECOND, frequency, known) <= received_at
        return np.flatnonzero(kept).tolist()

    def near(self, window: Window) -> Iterator[Row]:
        """The rows just outside of what was asked for that adjoin `window`: it is theirs to count them."""
        asked, behind = self.payload.window, self.listing.behind(self.account)
        # Nobody says whether t_s is included: an interval that ends there is no surprise, and is not counted.
        expected = microseconds(asked.start - behind) if behind else None
        for index, at in near_outside(self.starts, (), asked, most=self._slack).items():
            if int(self.starts[index]) != expected and EPOCH + at * MICROSECOND in window:
                yield self.rows[index]

    def untimed(self, window: Window) -> Iterator[tuple[Any, Reason]]:
        """What has no usable time and belongs to `window`, and why: rows, and what stands in a row's place."""
        if self._invalid:
            for index in untimed_inside(self._all_starts, self._invalid, self.payload.window, window):
                yield self._sent[index], self._invalid[index]

    def meaning(self, name: str) -> Meaning | None:
        """What the field `name` is; None if nobody knows."""
        if name not in self._meanings:
            self._meanings[name] = meaning_of(name, self.listing, self.site, self.account)
        return self._meanings[name]

    def is_no_register(self, name: str) -> bool:
        """Whether raw data that nobody has called a load curve are no readings of a counter.

        What the catalogue calls a register is one, whatever an answer's values look like; of what is new there, the
        whole answer tells.
        """
        if self.listing.kind != REGISTERS or self.listing.subject in self.account.load_curves:
            return False
        meaning = self.meaning(name)
        if meaning is not None and self._kinds.get(meaning.series.key) is Kind.REGISTER:
            return False
        if name not in self._curves:
            values = [
                (at, row[name])
                for at, row in zip(self.starts.tolist(), self.rows, strict=True)
                if type(row.get(name)) in (int, float)
            ]
            self._curves[name] = falls_like_no_counter(
                floats([value for _, value in sorted(values, key=itemgetter(0))])
            )
        return self._curves[name]

    @cached_property
    def _slack(self) -> timedelta:
        """One interval: nobody says whether t_s and t_e are included. What has none declared shows its own."""
        frequency = self.listing.frequency
        declared = LONGEST[frequency] if frequency else self.listing.behind(self.account)
        return declared or reach_of(self.starts, self.payload.window) * MICROSECOND

    def _refuse_strays(self) -> None:
        asked, slack = self.payload.window, self._slack // MICROSECOND
        stray = (self.starts < microseconds(asked.start) - slack) | (self.starts > microseconds(asked.end) + slack)
        if stray.any():
            first = EPOCH + int(self.starts[np.flatnonzero(stray)[0]]) * MICROSECOND
            raise OutsideWindowError(
                f"{stray.sum():,} of {len(self.starts):,} rows lie outside of what was asked for, one at "
                f"{first:%FT%TZ}",
                place=place_of(self.payload),
                fix="ask the provider why; nothing of this answer is loaded",
            )


def floats(values: Sequence[Any]) -> Floats:
    """Numbers as doubles; what is beyond every double as infinity."""
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        return np.array([to_float(value) for value in values], dtype=np.float64)


def place_of(payload: Payload) -> str:
    """Which answer it is, for messages."""
    return f"{payload.endpoint} {payload.window}"
