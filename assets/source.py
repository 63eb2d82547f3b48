"""What a source is to the assets, the checks and the schedules: facts, no connection and no secret.

Beside them what its assets are called, and the days that they are partitioned by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

import dagster as dg

from domain.records import ProviderSpec
from domain.window import Window

Span = Literal["day", "month", "year"]
"""A span of a calendar, the site's own perhaps, that one value is about."""

_LONGEST_DAY: Final = timedelta(hours=25)
"""The day on which clocks are put back."""


@dataclass(frozen=True, slots=True)
class KnownDead:
    """A device, or one series of it, that will say nothing any more.

    Attributes:
        name: The device, or the key of the series.
        since: The UTC day from which on nothing is expected.
        reason: Why, in words.
        replaced_by: The device or series that has taken its place; empty if none has.
    """

    name: str
    since: date
    reason: str
    replaced_by: str = ""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may be missing before a check is yellow, and before it is red.

    Attributes:
        missing_yellow: Share of a series' points of a week.
        missing_red: The same.
        silent_yellow_hours: How long a device may be silent.
        silent_red_hours: The same.
    """

    missing_yellow: float = 0.0
    missing_red: float = 0.2
    silent_yellow_hours: float = 1.0
    silent_red_hours: float = 12.0


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One account at a provider, as `assets/<source>/defs.yaml` describes it.

    Attributes:
        slug: The source's name everywhere: asset prefix, group, pool, resource key, job, schedule.
        spec: What is true of its provider.
        first_day: The first UTC day worth asking for: the start of its partitions.
        description: What it measures, in a sentence or two; the UI shows it.
        owners: E-mail addresses, or `team:<name>`.
        schedule: Cron expression in UTC at which the trailing days are asked for again; None for never.
        due_after: How long after the first scheduled load that follows its end a day should be loaded at the latest.
        spans: Spans beyond the hour that some of its values are about; such a value stands at its span's start.
        known_dead: Devices and series that nothing is expected of any more.
        tolerance: What may be missing.
        limits: Key of a series (`*` for any part) → the least and the most that is possible, in its own unit.
        was_retired: Its `defs.yaml` says that it has gone for good, whatever is true of its provider.
        fields: Provider's field → (quantity, provider's unit), as configured.
        ignored: Values without a quantity that nobody waits for, as patterns of names (`*/pv-activity`).
        restated_share: Which share of a final day's points a later load may change before a check warns.
        site: Where its devices stand; empty if they stand in many places.
    """

    slug: str
    spec: ProviderSpec
    first_day: date
    description: str
    owners: tuple[str, ...] = ()
    schedule: str | None = None
    due_after: timedelta = timedelta(hours=2)
    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    site: str = ""
    spans: tuple[Span, ...] = ()
    was_retired: bool = False
    known_dead: tuple[KnownDead, ...] = ()
    tolerance: Tolerance = Tolerance()
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    restated_share: float = 0.01

    @property
    def dead_since(self) -> dict[str, date]:
        """Device, or key of a series → the day from which on nothing is expected of it."""
        return {one.name: one.since for one in self.known_dead}

    @property
    def is_retired(self) -> bool:
        """It has gone for good: no schedule asks it, what is loaded stays, replay works."""
        return self.was_retired or self.spec.is_retired

    @property
    def is_asked_by_hand(self) -> bool:
        """No schedule asks it, so no day of it is ever due."""
        return self.is_retired or self.schedule is None

    @property
    def finalization_lag(self) -> timedelta:
        """How long after a UTC day's end its values still move: a day of the site's own may begin as that one ends."""
        return self.spec.finalization_lag + (_LONGEST_DAY if "day" in self.spans else timedelta(0))

    def trailing_days(self, now: datetime) -> tuple[date, date] | None:
        """First and last of the days that a scheduled run asks for again, both included; None before the first day."""
        last = now.astimezone(UTC).date() - timedelta(days=1)
        if last < self.first_day:
            return None
        return max(self.first_day, last - timedelta(days=self.spec.refetch_days - 1)), last

    def days_before_trailing(self, now: datetime) -> Window | None:
        """The days from its first one on that are over and not among the trailing ones; None if there is none."""
        trailing = self.trailing_days(now)
        if trailing is None or trailing[0] <= self.first_day:
            return None
        return Window.of_days(self.first_day, trailing[0] - timedelta(days=1))


def catalogue_key(slug: str) -> dg.AssetKey:
    """`<source>/catalogue`."""
    return dg.AssetKey([slug, "catalogue"])


def payloads_key(slug: str) -> dg.AssetKey:
    """`<source>/payloads`."""
    return dg.AssetKey([slug, "payloads"])


def measurements_key(slug: str) -> dg.AssetKey:
    """`<source>/measurements`."""
    return dg.AssetKey([slug, "measurements"])


def days_of(facts: SourceFacts) -> dg.DailyPartitionsDefinition:
    """One UTC day a partition, from the source's first day until yesterday."""
    return dg.DailyPartitionsDefinition(start_date=facts.first_day.isoformat(), timezone="UTC")
