"""Gaps filled: the export is asked for what the streams may have missed, landed and loaded as any day is."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from assets.day import land, load
from domain.contract import Provider
from domain.errors import IngestError
from domain.window import Window
from pipelines.live.pace import Pace
from warehouse.live import OpenGap
from warehouse.store import TimescaleWarehouse

_log: Final = logging.getLogger(__name__)


class Filler:
    """Has the export fill the gaps of one source.

    A day that is over is asked for and loaded whole: its partition then says what the export says, and no load of that
    day has an older answer. Of today just the span of the gap is, up to the instant at which it ended.

    Args:
        provider: Whom to ask.
        warehouse: Where the gaps are, and where the answers go.
        source: Whose gaps.
        pace: The bounds.
        now: The time it is.
    """

    def __init__(
        self,
        provider: Provider,
        warehouse: TimescaleWarehouse,
        source: str,
        pace: Pace,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._provider = provider
        self._warehouse = warehouse
        self._source = source
        self._pace = pace
        self._now = now
        self.n_filled = 0
        self.n_loads = 0

    def fill(self) -> int:
        """Fill every gap that has ended long enough ago; how many they were.

        Raises:
            IngestError: The first window that could not be filled, why; its gaps stay open.
        """
        now = self._now()
        found = self._warehouse.live.open_gaps(self._source, now - self._pace.settle)
        n_filled = 0
        for gaps in together(found):
            start, end = min(one.gap.start for one in gaps), max(one.gap.end for one in gaps)
            load_id = 0
            for window in windows(Window(start, end), now):
                land(self._provider, self._warehouse, self._source, window)
                load_id = load(self._provider, self._warehouse, self._source, window).load_id
                self.n_loads += 1
            self._warehouse.live.fill(gaps, load_id)
            n_filled += len(gaps)
            self.n_filled += len(gaps)
        return n_filled

    def try_to_fill(self) -> bool:
        """`fill`, where a failure that waiting helps against is logged and left for later; whether all went well.

        Raises:
            IngestError: What waiting does not help against.
        """
        try:
            self.fill()
        except IngestError as error:
            if not error.retryable:
                raise
            _log.warning("Gaps of %s stay open for now: %s", self._source, error)
            return False
        return True


def together(gaps: Sequence[OpenGap]) -> Iterator[list[OpenGap]]:
    """Gaps that overlap or touch, whatever their parts: one question fills them all. `gaps` come by time."""
    group: list[OpenGap] = []
    end = datetime.min.replace(tzinfo=UTC)
    for one in gaps:
        if group and one.gap.start > end:
            yield group
            group = []
        group.append(one)
        end = max(end, one.gap.end) if len(group) > 1 else one.gap.end
    if group:
        yield group


def windows(gap: Window, now: datetime) -> Iterator[Window]:
    """What to ask for: days that are over whole, of today just the gap, in whole seconds."""
    today = now.astimezone(UTC).date()
    gap = Window(gap.start.replace(microsecond=0), gap.end + timedelta(microseconds=-gap.end.microsecond % 1_000_000))
    for day in gap.days():
        whole = Window.of_day(day)
        if day < today:
            yield whole
        else:
            yield Window(max(whole.start, gap.start), min(whole.end, gap.end))


def first_of_today(now: datetime, look_back: timedelta) -> datetime:
    """Where listening begins that never was: midnight in UTC, or `look_back` ago if that is later."""
    return max(Window.of_day(now.astimezone(UTC).date()).start, now - look_back)
