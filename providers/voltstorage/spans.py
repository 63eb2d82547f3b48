"""Months and years of statistics: where they end, and which of them a window may ask for. They are spans of UTC."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from domain.window import Window

LONG: Final[tuple[Literal["month", "year"], ...]] = ("month", "year")
"""Spans that outlive the days that are asked for again: their values are final only when they are over."""

LIFETIME: Final = "lifetime"
"""The span that never ends, and whose value is a counter's reading."""


def end_of(timespan: str, start: datetime) -> datetime:
    """Where the month or year that holds `start` ends."""
    first = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if timespan == "month":
        return (first + timedelta(days=31)).replace(day=1)
    return first.replace(year=start.year + 1, month=1)


def begun_and_over(timespan: str, asked: Window, now: datetime) -> Window | None:
    """The months or years that begin inside `asked` and are over at `now`, whole; None without any."""
    found = [span for span in _begun(timespan, asked) if span.end <= now]
    return Window(found[0].start, found[-1].end) if found else None


def _begun(timespan: str, asked: Window) -> Iterator[Window]:
    start = datetime(asked.start.year, 1, 1, tzinfo=UTC)
    while start < asked.end:
        end = end_of(timespan, start)
        if start in asked:
            yield Window(start, end)
        start = end
