"""Half-open spans of UTC time, and the days they are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The instants `start <= t < end`, in UTC.

    Raises:
        ValueError: A bound has no time zone, or the window is empty or backwards.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse naive bounds, and hold everything else in UTC."""
        for name in ("start", "end"):
            bound: datetime = getattr(self, name)
            if bound.tzinfo is None:
                msg = f"The {name} of a window needs a time zone; {bound.isoformat()} has none."
                raise ValueError(msg)
            object.__setattr__(self, name, bound.astimezone(UTC))
        if self.start >= self.end:
            msg = f"A window must end after it starts; got {self.start.isoformat()} to {self.end.isoformat()}."
            raise ValueError(msg)

    @classmethod
    def of_day(cls, day: date) -> Self:
        """The UTC day `day`: the window of a partition."""
        start = datetime.combine(day, time(), tzinfo=UTC)
        return cls(start, start + timedelta(days=1))

    @classmethod
    def of_days(cls, first: date, last: date) -> Self:
        """The UTC days from `first` to `last`, both included."""
        return cls(cls.of_day(first).start, cls.of_day(last).end)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()

    @property
    def day(self) -> date:
        """The UTC date on which it starts."""
        return self.start.date()

    @property
    def is_of_whole_days(self) -> bool:
        """Whether it begins and ends with a UTC day."""
        return all(bound.time() == time() for bound in (self.start, self.end))

    def __contains__(self, instant: datetime) -> bool:
        """Whether `instant` lies inside: the start does, the end does not."""
        return self.start <= instant < self.end

    def covers(self, other: "Window") -> bool:
        """Whether every instant of `other` lies inside."""
        return self.start <= other.start and other.end <= self.end

    def touches(self, other: "Window") -> bool:
        """Whether they have an instant in common."""
        return self.start < other.end and other.start < self.end

    def days(self) -> Iterator[date]:
        """Every UTC date it touches, in order."""
        day = self.start.date()
        while datetime.combine(day, time(), tzinfo=UTC) < self.end:
            yield day
            day += timedelta(days=1)

    def slices(self, widest: timedelta) -> Iterator["Window"]:
        """The same instants as windows of `widest`, in order; the last one may be narrower."""
        start = self.start
        while start < self.end:
            end = min(start + widest, self.end)
            yield Window(start, end)
            start = end

    def halves(self) -> tuple["Window", "Window"]:
        """The same instants as two windows, cut at a whole millisecond.

        Raises:
            ValueError: It is shorter than two milliseconds and cannot be cut.
        """
        half = timedelta(milliseconds=(self.end - self.start) // timedelta(milliseconds=2))
        return Window(self.start, self.start + half), Window(self.start + half, self.end)

    def __str__(self) -> str:
        """The window as a person reads it: a date where it is one whole day, both bounds otherwise."""
        if self == Window.of_day(self.day):
            return self.day.isoformat()
        return f"[{self.start:%Y-%m-%dT%H:%M:%S.%fZ}, {self.end:%Y-%m-%dT%H:%M:%S.%fZ})".replace(".000000Z", "Z")
