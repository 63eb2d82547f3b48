"""Statistics of an hour, a day, a month, a year or a lifetime as points at the start of their span.

Energies are sent in a unit that no document names; watt-seconds is inferred (`wire.STATISTICS`), converted here and
nowhere else, and said in the label `unit`.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Final

from domain.errors import OutsideWindowError
from domain.instants import EPOCH, MICROSECOND
from domain.measurement import Normalized
from domain.quantities import conversion
from domain.records import Payload, Reason, Series
from domain.texts import clipped
from domain.window import Window
from providers._as_sent import AsSent, read_sent
from providers._batch import Batch
from providers._json import nan_as_null
from providers._outside import NEAR
from providers._points import CLOCK_TOLERANCE, earliest_of
from providers.voltstorage.cells import one_number
from providers.voltstorage.naming import Naming, device_of
from providers.voltstorage.spans import LIFETIME, LONG, end_of
from providers.voltstorage.spec import SPEC
from providers.voltstorage.wire import STATISTICS, parse_json, unreadable

START: Final = "timespan_start"
_COUNTS: Final = "nSamples"
# A span that holds the start of what was asked for begins before it: a year, and the day that a leap year has more.
_LONGEST: Final = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}


def read_statistics(payload: Payload, window: Window, naming: Naming, *, place: str) -> Normalized:
    """One answer of the statistics as a batch; a span counts for the window in which it begins.

    A month or a year that was not over is left out: it would stay what it was on its first days.
    A lifetime has no start that lies in a window: its energies are registers, read when the answer arrived.

    Raises:
        PayloadUnreadableError: It is not a JSON list of objects with `timespan_start`.
        OutsideWindowError: A span lies outside of what was asked for.
    """
    document = nan_as_null(parse_json(payload.body, place=place), payload.body)
    if not isinstance(document, list):
        raise unreadable("the statistics are no JSON list", place)
    as_sent = AsSent(document, partial(read_sent, payload.body))
    device, timespan = device_of(payload.params), payload.params.get("timespan", "")
    batch = Batch(payload.sha256)
    for one in document:
        at_us = _instant(one, payload, place, timespan)
        if isinstance(at_us, Reason):
            batch.reject(one if isinstance(one, str) else as_sent.text(one), at_us, naming.key(device))
            continue
        at = EPOCH + at_us * MICROSECOND
        if at not in window or (timespan in LONG and end_of(timespan, at) > payload.received_at):
            continue
        for name, value in _leaves(one):
            if name not in STATISTICS and not name.endswith(_COUNTS):
                batch.unmapped[f"{device.name}/{timespan}/{name}"] += 1
                continue
            described = naming.of_statistic(device, timespan, name)
            number = _converted(value, described)
            if isinstance(number, Reason):
                batch.reject(as_sent.text({name: value, START: one[START]}), number, described.key)
            else:
                batch.add_number(described, at_us, number)
    return batch.read()


def _instant(one: object, payload: Payload, place: str, timespan: str) -> int | Reason:
    """Microseconds since the epoch at which a span begins, or why it is not read.

    Raises:
        OutsideWindowError: It does not touch what was asked for.
        PayloadUnreadableError: It is no epoch in seconds.
    """
    start = one.get(START) if isinstance(one, dict) else None
    if isinstance(start, bool) or not isinstance(start, int | float):
        return Reason.NO_TIME if isinstance(one, dict) and START not in one else Reason.MALFORMED_ROW
    try:
        at, asked = EPOCH + timedelta(seconds=start), payload.window
    except OverflowError:  # seconds: documented by the example alone; milliseconds would be of the year 50,000
        raise unreadable(f"{START} is {clipped(start)}, which is no epoch in seconds", place) from None
    if timespan == LIFETIME:
        return (payload.received_at - EPOCH) // MICROSECOND
    longest = _LONGEST.get(timespan, timedelta(0))
    if not earliest_of(SPEC.first_day) <= at <= payload.received_at + CLOCK_TOLERANCE:
        return Reason.IMPLAUSIBLE_TIME
    if asked.end < at <= asked.end + min(longest, NEAR) or asked.start - at == longest <= NEAR:
        return Reason.OUTSIDE
    if not asked.start - longest < at <= asked.end:
        raise OutsideWindowError(
            f"a {clipped(timespan)} of the statistics begins at {at:%FT%TZ}, which was not asked for",
            place=place,
            fix="ask the provider why; nothing of this answer is loaded",
        )
    return (at - EPOCH) // MICROSECOND


def _leaves(one: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Statistic → value; of a mean its value, and how many samples it was made of."""
    for name, value in one.items():
        if name == START or value is None:
            continue
        if isinstance(value, dict):
            for inner, leaf in value.items():
                if leaf is not None:
                    yield (name if inner == "value" else f"{name}.{inner}"), leaf
        else:
            yield name, value


def _converted(value: object, series: Series) -> float | Reason:
    number = one_number(value)
    if isinstance(number, Reason):
        return number
    how = conversion(series.quantity, series.provider_unit, place=f"statistic {series.key}")
    canonical = number * how.factor + how.offset
    return canonical if how.quantity.low <= canonical <= how.quantity.high else Reason.OUT_OF_LIMITS
