"""Rows that were rejected: kept as text, with the reason and the series, and counted.

One broken sensor costs its own values and no others: the threshold counts by series. A source of which most series are
broken is another matter: its mapping is wrong, or the provider has changed, and nothing of it may be loaded.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import psycopg

from domain.errors import TooManyRejectedError
from domain.measurement import Normalized, with_series
from domain.records import EXEMPT, Reason
from domain.texts import storable
from domain.window import Window
from warehouse.statements import statement

RAW_BYTES: Final = 8_192
"""A longer text is cut; its SHA-256 is of the whole."""

ALWAYS_ALLOWED: Final = 100
ALLOWED_SHARE: Final = 0.001
KEY_CHARACTERS: Final = 500
"""A longer name of a series is cut, and ends with the SHA-256 of the whole: an index bears no name of any length."""

MOST_KEPT: Final = 10_000
"""Different rejected rows that one load keeps; what comes after them is counted by series and reason."""

KEPT_OF_SERIES: Final = 1_000
"""Different rejected rows of one series that a load keeps: one of every second of a day would fill the memory."""

KEPT_OF_LATER_SERIES: Final = 10
"""The same as soon as half of `MOST_KEPT` is used, so that series which come later have examples, too."""

MOST_SENT_ALONG: Final = 2
"""Rows of a series just outside of what was asked for that are no surprise: the value before it, and the next after."""

MOST_SERIES: Final = 100_000
"""Series that are told apart; the rows of more of them belong to none, where today's threshold refuses them."""


class Quarantine:
    """The rejected rows of one load."""

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self._rows: dict[tuple[str, str, str, str], tuple[str, int]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._n_kept: Counter[str] = Counter()
        self._not_kept: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        """Rows rejected."""
        return self.by_reason.total()

    def take(self, batch: Normalized) -> None:
        """Add what a batch rejected."""
        for raw, reason, payload, series in with_series(batch.rejected).itertuples(index=False, name=None):
            self.add(str(raw), Reason(reason), str(payload), str(series))

    def add(self, raw: str, reason: Reason, payload: str = "", series: str = "") -> None:
        """Add one row; `payload` is empty where the row is made of several, `series` as in `Normalized.rejected`."""
        self.by_reason[reason.value] += 1
        if (series, reason.value) not in self._counts and len(self._counts) >= MOST_SERIES:
            series = ""
        self._counts[series, reason.value] += 1
        encoded = storable(raw).encode()
        # The series, too: what is the same text in two of them is a row of each.
        key = (reason.value, payload, hashlib.sha256(encoded).hexdigest(), series)
        if key in self._rows:
            text, n = self._rows[key]
            self._rows[key] = (text, n + 1)
        elif self._is_room(series):
            self._n_kept[series] += 1
            self._rows[key] = (encoded[:RAW_BYTES].decode("utf-8", "ignore"), 1)
        else:
            self._not_kept[series, reason.value] += 1

    def check(self, n_received: int, series: AbstractSet[str] = frozenset(), *, place: str) -> None:
        """Refuse a load of which too much is rejected; rows rejected as `EXEMPT` do not count, as long as they are few.

        Rows without a series are one group. As for the others, every series may have an equal part of what is allowed:
        where most of them have more than that, it is not a sensor that is broken.

        Args:
            n_received: Points the load accounts for.
            series: The keys that have points.
            place: Which load, for messages.

        Raises:
            TooManyRejectedError: More rows without a series than `max(100, 0.1 % of received)`, or than can be kept; or
                more rows of series than that, and in more than half of all series more than their part of it.
        """
        self._check_sent_along(n_received, series, place)
        allowed = max(ALWAYS_ALLOWED, int(n_received * ALLOWED_SHARE))
        loose, of_known = Counter[str](), Counter[str]()
        of_series: Counter[str] = Counter()
        for (key, reason), n in self._counts.items():
            if reason in EXEMPT:
                continue
            (of_known if key else loose)[reason] += n
            if key:
                of_series[key] += n
        allowed_loose = min(allowed, MOST_KEPT)
        if loose.total() > allowed_loose:
            raise _too_many(loose, n_received, f"{allowed_loose} are allowed of rows that belong to no series", place)
        parts = _parts(series, of_series)
        n_series, n_broken = len(parts), sum(n * len(parts) > allowed for n in parts.values())
        if of_known.total() > allowed and 2 * n_broken > n_series:
            counted = f"{allowed} are allowed, and {n_broken} of {n_series} series have more than their part of them"
            raise _too_many(of_known, n_received, counted, place)

    def _check_sent_along(self, n_received: int, series: AbstractSet[str], place: str) -> None:
        """Refuse a load whose series have more rows outside than are sent along: its times are off, and all of them."""
        outside = Counter({key: n for (key, reason), n in self._counts.items() if reason == Reason.OUTSIDE and key})
        parts = _parts(series, outside)
        n_crowded = sum(n > MOST_SENT_ALONG for n in parts.values())
        if 2 * n_crowded > len(parts):
            reasons = Counter({Reason.OUTSIDE.value: outside.total()})
            few = f"{MOST_SENT_ALONG} of a series are sent along, one on each side"
            counted = f"{few}, and {n_crowded} of {len(parts)} series have more: a clock or a time zone is off"
            raise _too_many(reasons, n_received, counted, place)

    def record(self, connection: psycopg.Connection, source: str, window: Window, load_id: int) -> None:
        """Write the rows, within whatever transaction is open; what is not kept as one row by series and reason."""
        rows = dict(self._rows)
        for (series, reason), n in self._not_kept.items():
            text = f"further rows of {series or 'no series'}: counted, not kept"
            text = storable(text)
            rows[reason, "", hashlib.sha256(text.encode()).hexdigest(), series] = (text, n)
        if not rows:
            return
        values = {
            "source": source,
            "start": window.start,
            "end": window.end,
            "load_id": load_id,
            "reasons": [reason for reason, _, _, _ in rows],
            "payloads": [payload for _, payload, _, _ in rows],
            "raw_sha256s": [sha256 for _, _, sha256, _ in rows],
            "series": [_short(storable(series)) for _, _, _, series in rows],
            "raws": [text for text, _ in rows.values()],
            "counts": [n for _, n in rows.values()],
        }
        for name in ("lock_rejected", "name_rejected", "quarantine"):
            connection.execute(statement(f"load/{name}"), values)

    def _is_room(self, series: str) -> bool:
        if len(self._rows) >= MOST_KEPT:
            return False
        most = KEPT_OF_SERIES if len(self._rows) < MOST_KEPT // 2 else KEPT_OF_LATER_SERIES
        return not series or self._n_kept[series] < most


def _short(key: str) -> str:
    if len(key) <= KEY_CHARACTERS:
        return key
    return f"{key[:KEY_CHARACTERS]}… {hashlib.sha256(key.encode()).hexdigest()}"


def _parts(series: AbstractSet[str], rejected: Mapping[str, int]) -> dict[str, int]:
    """Series → rejected rows, its device's included; a device of which no series is known counts as one."""
    devices = {key: n for key, n in rejected.items() if key.endswith("/")}
    whole = series | (rejected.keys() - devices.keys())
    if not devices:
        return {key: rejected.get(key, 0) for key in whole}
    without = set(devices)
    parts: dict[str, int] = {}
    for key in whole:
        above = {f"{key}/"[: end + 1] for end, sign in enumerate(f"{key}/") if sign == "/"} & devices.keys()
        without -= above
        parts[key] = rejected.get(key, 0) + sum(devices[one] for one in above)
    return parts | {device: devices[device] for device in without}


def _too_many(counts: Counter[str], n_received: int, allowed: str, place: str) -> TooManyRejectedError:
    reasons = ", ".join(f"{n} {reason}" for reason, n in counts.most_common())
    return TooManyRejectedError(
        f"{counts.total()} of {n_received} rows were rejected ({reasons}), {allowed}",
        place=place,
        fix="look at `joulehouse rejected`: correct the mapping, or ask the provider",
    )
