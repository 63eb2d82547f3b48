"""Days that are asked for again although their values were final: for a month's value, and for history restated late.

A value that spans a month stands at the month's first day, which is long final when the month is over. So a day is
asked for again once a span that begins on it is over, and as long as the span's last day still is.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from assets.source import SourceFacts
from domain.window import Window

_DAY: Final = timedelta(days=1)
_WEST: Final = timedelta(hours=12)
"""How long after UTC the last place on earth ends its day."""


def refetch_after(facts: SourceFacts, tick: datetime) -> dict[date, datetime]:
    """Days, and the instant before which no pull of them counts: a pull must have begun after it.

    Days that a tick asks for anyway may be among them.

    Args:
        facts: Whose.
        tick: When it is asked; later instants are not known yet.
    """
    deep = _deep(facts, tick)
    found = dict.fromkeys(deep.days(), deep.end) if deep else {}
    for first, last in _spans(facts, tick):
        end = Window.of_day(last).end
        instants = [
            end + _WEST + facts.spec.finalization_lag,
            Window.of_day(last + facts.spec.refetch_days * _DAY).start,  # the last tick that asks for the last day
            *([deep.end] if deep and last in deep.days() else []),
        ]
        come = [instant for instant in instants if instant <= tick]
        # Whether the first day begins before or after midnight in UTC depends on the site.
        for day in (first - _DAY, first) if come else ():
            found[day] = max(*come, found.get(day, come[0]))
    return {day: instant for day, instant in found.items() if day >= facts.first_day}


def _deep(facts: SourceFacts, tick: datetime) -> Window | None:
    """The days that this month's deep pull asks for; it is due from the first of the month on."""
    if not facts.spec.deep_refetch_days:
        return None
    first = tick.astimezone(UTC).date().replace(day=1)
    return Window.of_days(first - facts.spec.deep_refetch_days * _DAY, first - _DAY)


def _spans(facts: SourceFacts, tick: datetime) -> Iterator[tuple[date, date]]:
    """First and last day of every month and year that is over, as far as the source has values about them."""
    today = tick.astimezone(UTC).date()
    months = range(facts.first_day.year * 12 + facts.first_day.month - 1, today.year * 12 + today.month - 1)
    if "month" in facts.spans:
        yield from ((_month(number), _month(number + 1) - _DAY) for number in months)
    if "year" in facts.spans:
        years = range(facts.first_day.year, today.year)
        yield from ((date(year, 1, 1), date(year, 12, 31)) for year in years)


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
