"""The counters of the physical meters, and events that change them.

| event | what happens, from the instant `at` on |
|---|---|
| `replace` | another meter counts on from `to` |
| `rollover` | the counter has `digits` digits before the point, and begins anew behind the last number |
| `jitter` | this one reading is lower by `by` |
| `missing` | there is no reading until `until` |
| `duplicate` | this one reading comes twice |
| `swap` | import and export are exchanged |
| `skew` | readings bear a time that is off by `seconds` |
| `curve` | the meter sends a load curve: what was counted in each quarter, and no counter |
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sandbox.climkit.house import GRID, METERS, QUARTER_MS, exported, totals
from sandbox.instants import as_ms
from sandbox.measured import FIRST_MS, MISSING, Counts
from sandbox.settings import SettingError

EVENTS: Final = ("replace", "rollover", "jitter", "missing", "duplicate", "swap", "skew", "curve")

_FIELDS: Final = {"heating": "heat_energy_kwh", "cold_water": "vol_m3", "hot_water": "vol_m3"}
_INITIAL: Final = 1_000_000  # thousandths that a counter shows on the first day, times its address


@dataclass(frozen=True, slots=True)
class Event:
    """An event of one meter's counter; instants in epoch milliseconds, amounts in thousandths."""

    meter: str
    kind: str
    at: int
    until: int = 0
    to: int = 0
    by: int = 0
    digits: int = 0
    seconds: int = 0

    @classmethod
    def of(cls, document: object) -> "Event":
        """An event from JSON; amounts in the provider's unit.

        Raises:
            SettingError: It is incomplete or unknown.
        """
        if (
            not isinstance(document, Mapping)
            or document.get("event") not in EVENTS
            or document.get("meter") not in METERS
        ):
            raise SettingError(f'an event is written {{"meter": ID, "event": {"|".join(EVENTS)}, "at": INSTANT, …}}.')
        try:
            return cls(
                str(document["meter"]),
                str(document["event"]),
                as_ms(document["at"]),
                as_ms(document.get("until", 0)),
                round(document.get("to", 0) * 1000),
                round(document.get("by", 0) * 1000),
                int(document.get("digits", 0)),
                int(document.get("seconds", 0)),
            )
        except (KeyError, TypeError, ValueError):
            raise SettingError("an event needs an instant `at`, and numbers in its other fields.") from None


def readings(meter: str, start: int, end: int, events: Sequence[Event]) -> Iterator[tuple[int, dict[str, float]]]:
    """The readings of `meter` with `start <= time < end`: epoch milliseconds, field → kWh or m³."""
    mine = [event for event in events if event.meter == meter]
    fields = _fields(meter)
    n_shown = len(next(iter(fields.values())))
    known = totals(meter) != MISSING
    shown = {
        name: _counted(counts, meter, mine, is_first=name in ("en_im", *_FIELDS.values()))
        for name, counts in fields.items()
    }
    skews = [event for event in mine if event.kind == "skew"]
    slack = max((abs(event.seconds) * 1000 // QUARTER_MS + 1 for event in skews), default=0)
    first = max((start - FIRST_MS) // QUARTER_MS - 1 - slack, 0)
    last = min((end - FIRST_MS) // QUARTER_MS + 1 + slack, n_shown)
    for quarter in range(first, last):
        at = FIRST_MS + (quarter + 1) * QUARTER_MS  # a reading has the time at which its quarter ends
        if not known[quarter] or any(e.kind == "missing" and e.at <= at < e.until for e in mine):
            continue
        stamped = at + sum(event.seconds * 1000 for event in skews if at >= event.at)
        if not start <= stamped < end:
            continue
        row = {name: int(counts[quarter]) / 1000 for name, counts in shown.items()}
        if any(event.kind == "curve" and at >= event.at for event in mine):
            row = {name: int(counts[quarter]) / 1000 for name, counts in fields.items()}
        if any(event.kind == "swap" and at >= event.at for event in mine) and {"en_im", "en_ex"} <= row.keys():
            row = {"en_im": row["en_ex"], "en_ex": row["en_im"]}
        yield stamped, row
        if any(event.kind == "duplicate" and event.at == at for event in mine):
            yield stamped, row


def _fields(meter: str) -> dict[str, Counts]:
    kind = METERS[meter].type
    counted = totals(meter)
    if kind in _FIELDS:
        return {_FIELDS[kind]: counted}
    if METERS[meter].mode == "production":
        return {"en_im": np.where(counted < 0, -counted, 0), "en_ex": np.clip(counted, 0, None)}
    return {"en_im": counted, "en_ex": exported() if meter == GRID else np.zeros_like(counted)}


def _counted(counts: Counts, meter: str, events: Sequence[Event], *, is_first: bool) -> Counts:
    """The counter at the end of each quarter; only the first field of a meter has events."""
    shown = np.cumsum(np.where(counts == MISSING, 0, counts)) + METERS[meter].prim_ad * _INITIAL * is_first
    for event in sorted(events, key=lambda one: one.at) if is_first else ():
        at = (event.at - FIRST_MS) // QUARTER_MS - 1
        if event.kind == "replace":
            shown[at:] += event.to - shown[at]
        elif event.kind == "jitter":
            shown[at] -= event.by
        elif event.kind == "rollover":
            shown[at:] %= 10**event.digits * 1000
    return shown
