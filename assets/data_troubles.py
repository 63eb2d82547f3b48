"""What the data of a source are to be told for: suspect days, days missing in the middle, implausible values.

One trouble a source and kind; of implausible values one for each day on which series became so, since what is new
would not be told while an old one lasts.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from assets.expected import missing_days, next_load_at
from assets.source import SourceFacts
from domain.troubles import Severity, Trouble, TroubleKind
from domain.window import Window

if TYPE_CHECKING:
    from warehouse.completeness import ImplausibleSeries
    from warehouse.ledger import DayStatus
    from warehouse.suspects import SuspectDay

_WORST: Final = 3  # series or days that are named
_DAY: Final = timedelta(days=1)


def suspect_trouble(facts: SourceFacts, suspect: "Sequence[SuspectDay]") -> Iterator[Trouble]:
    """Days with far fewer points than is usual, that nobody has confirmed and that were asked for when final."""
    days = [one for one in suspect if one.has_settled(facts.finalization_lag)]
    if facts.is_retired or not days:
        return
    newest = days[-1]
    yield Trouble(
        TroubleKind.SUSPECT_DAYS,
        facts.slug,
        "",
        Severity.WARNING,
        f"{facts.slug}: {_which([one.day for one in days])} suspect. {newest.day}: {newest.reason}.",
        Window.of_day(days[0].day).end,
        "" if facts.is_asked_by_hand else f"{newest.day} is asked for again from {newest.next_day} on.",
        f"joulehouse gaps {facts.slug} --from {days[0].day};"
        f" if it is right: joulehouse confirm {facts.slug} {newest.day}",
    )


def missing_trouble(facts: SourceFacts, days: "Sequence[DayStatus]", now: datetime) -> Iterator[Trouble]:
    """Days between loaded ones that were never loaded, and that should have come by themselves by now.

    The schedule asks for such days, so many at a tick; where there is none, they have a day's time to come by hand.
    A day that has failed is told as what it is.
    """
    loaded = {day.day: day.loaded_at for day in days if day.loaded_at}
    if facts.is_retired or not loaded:
        return
    failed = {day.day for day in days if day.reason}
    newest = max(loaded)
    missing = [day for day in missing_days(facts, loaded, now) if day < newest and day not in failed]
    if not missing:
        return
    # It is a hole since something behind it was loaded.
    since = min(at for day, at in loaded.items() if at and day > missing[0])
    asked_at = next_load_at(facts, since)
    first_due = since + _DAY if asked_at is None else asked_at + facts.due_after
    if now < first_due + len(missing) // facts.spec.max_days_per_run * _DAY:
        return
    schedule = "No schedule asks for them." if asked_at is None else "The schedule has asked for them in vain."
    yield Trouble(
        TroubleKind.MISSING_DAYS,
        facts.slug,
        "",
        Severity.WARNING,
        f"{facts.slug}: {_which(missing)} missing between days that are loaded.",
        since,
        schedule,
        f"joulehouse backfill {facts.slug} --from {missing[0]} --to {missing[-1]}",
    )


def implausible_troubles(facts: SourceFacts, implausible: "Sequence[ImplausibleSeries]") -> Iterator[Trouble]:
    """Series whose newest days are implausible, by the day on which that began, with the evidence of the worst."""
    if facts.is_retired:
        return
    # Sorting is stable: within a day the worst come first, as they were given.
    for since, group in groupby(sorted(implausible, key=lambda one: one.since), key=lambda one: one.since):
        some = list(group)
        named = "; ".join(f"{_name(one)}: {one.kind} ({one.evidence})" for one in some[:_WORST])
        more = f"; and {len(some) - _WORST:,} more" if len(some) > _WORST else ""
        n_series = "1 series is" if len(some) == 1 else f"{len(some):,} series are"
        yield Trouble(
            TroubleKind.IMPLAUSIBLE_VALUES,
            facts.slug,
            str(since),
            Severity.WARNING,
            f"{facts.slug}: {n_series} implausible since {since}: {named}{more}.",
            Window.of_day(since).start,
            "No value was changed.",
            f"joulehouse flags {facts.slug} --from {since}",
        )


def _name(one: "ImplausibleSeries") -> str:
    return one.key if not one.device or one.device in one.key else f"{one.device}, {one.key}"


def _which(days: Sequence[date]) -> str:
    if len(days) == 1:
        return f"{days[0]} is"
    return f"{len(days):,} days from {days[0]} to {days[-1]} are"
