"""What the paginator has to know of a page: where its documents stand, and how many differ."""

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import orjson

from domain.records import Reason
from providers._times import instant_of

Span = tuple[int, int]
"""Milliseconds since the epoch, half-open."""

_SECOND: Final = 1000

UNKNOWN: Final = 0
ASCENDING: Final = 1
DESCENDING: Final = -1
MIXED: Final = 2


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the paginator has to know of a page.

    Documents without a time inside the span, its end included, count and have no place: where they stand
    says nothing about the listing, and no request may be made of their times.

    Attributes:
        token: What continues the listing; empty at its end.
        n_rows: Documents, those at the very end of the span included.
        n_bytes: Size of the answer.
        low: The earliest millisecond; None if no document has a place.
        high: The latest.
        n_low: Different documents at `low`.
        n_high: Different documents at `high`.
        n_at_end: Different documents at the end of the span that was asked for, which belong to the next one.
        is_tied: Whether two different documents share a millisecond.
        n_distinct: Different documents.
        n_early: Documents in the first half of the span, the same one as often as it comes.
        n_late: Documents in the second half, those at the end of the span not included.
        n_first: Documents before `second_behind(low)`, the end of the span not included.
        n_last: Documents from `second_of(high)` on, likewise.
        order: In which order of time they stand; unknown where fewer than two milliseconds are named.
    """

    token: str
    n_rows: int
    n_bytes: int
    low: int | None
    high: int | None
    n_low: int
    n_high: int
    n_at_end: int
    is_tied: bool
    n_distinct: int
    n_early: int
    n_late: int
    n_first: int
    n_last: int
    order: int

    @classmethod
    def of(cls, rows: Sequence[Any], span: Span, *, token: str, n_bytes: int, time_field: str) -> Self:
        """The facts of `rows`, which answered a request for `span`."""
        try:
            times = [row[time_field] for row in rows]
        except (KeyError, TypeError):
            times = [row.get(time_field) if isinstance(row, dict) else None for row in rows]
        are_whole = set(map(type, times)) == {int}
        if are_whole and span[0] <= times[0] and times[-1] <= span[1] and _is_rising(times):
            return cls(
                token=token,
                n_rows=len(rows),
                n_bytes=n_bytes,
                low=times[0],
                high=times[-1],
                n_low=1,
                n_high=1,
                n_at_end=int(times[-1] == span[1]),
                is_tied=False,
                n_distinct=len(rows),
                order=ASCENDING if len(rows) > 1 else UNKNOWN,
                **_counts(times, span),
            )
        are_placed = are_whole and span[0] <= min(times) and max(times) <= span[1]
        if not are_placed:
            times = [_place(time, span) for time in times]
        placed = [time for time in times if time is not None] if None in times else times
        rising = sorted(placed)
        low, high = (rising[0], rising[-1]) if rising else (None, None)
        n_distinct, n_instants, is_tied = len(rows), len(set(placed)), False
        if n_instants < len(placed) or len(placed) + 1 < len(rows):
            texts = {_text_of(row): time for row, time in zip(rows, times, strict=True)}
            n_distinct = len(texts)
            is_tied = sum(time is not None for time in texts.values()) > n_instants

        def distinct_at(time: int | None) -> int:
            n_rows = 0 if time is None else times.count(time)
            if n_rows <= 1:
                return n_rows
            return len({_text_of(row) for row, its in zip(rows, times, strict=True) if its == time})

        return cls(
            token=token,
            n_rows=len(rows),
            n_bytes=n_bytes,
            low=low,
            high=high,
            n_low=distinct_at(low),
            n_high=distinct_at(high),
            n_at_end=distinct_at(span[1]),
            is_tied=is_tied,
            n_distinct=n_distinct,
            order=_order(placed, rising),
            **_counts(rising, span),
        )


def middle_of(span: Span) -> int:
    """The first millisecond of the second half of `span`."""
    return (span[0] + span[1]) // 2


def second_of(millisecond: int, span: Span) -> int:
    """Where the second begins that `millisecond` is in; itself, in a span that is no wider than a second."""
    return millisecond - millisecond % _unit(span)


def second_behind(millisecond: int, span: Span) -> int:
    """Where the next second begins, or `span` ends."""
    return min(second_of(millisecond, span) + _unit(span), span[1])


def _unit(span: Span) -> int:
    return _SECOND if span[1] - span[0] > _SECOND else 1


def _order(times: Sequence[int], rising: Sequence[int]) -> int:
    """In which order `times` stand, which are `rising` when they are sorted."""
    if not rising or rising[0] == rising[-1]:
        return UNKNOWN
    return ASCENDING if times == rising else DESCENDING if times == rising[::-1] else MIXED


def _counts(rising: Sequence[int], span: Span) -> dict[str, int]:
    """The documents in parts of `span`, of which `rising` are the times."""
    if not rising:
        return {"n_early": 0, "n_late": 0, "n_first": 0, "n_last": 0}
    n_inside, n_early = bisect_left(rising, span[1]), bisect_left(rising, middle_of(span))
    return {
        "n_early": n_early,
        "n_late": n_inside - n_early,
        "n_first": bisect_left(rising, second_behind(rising[0], span)),
        "n_last": max(n_inside - bisect_left(rising, second_of(rising[-1], span)), 0),
    }


def _is_rising(times: Sequence[int]) -> bool:
    """Whether every time is later than the one before: the usual page, of which everything is known at a glance."""
    try:
        instants = np.array(times, dtype=np.int64)
    except OverflowError:
        return False
    return bool((instants[1:] > instants[:-1]).all())


def _place(value: object, span: Span) -> int | None:
    """The millisecond that `value` names inside `span`, the end included; None if it names none."""
    if isinstance(value, str):
        instant = instant_of(value)
        value = None if isinstance(instant, Reason) else instant // 1000
    if type(value) is not int and not (type(value) is float and value.is_integer()):
        return None
    return int(value) if span[0] <= value <= span[1] else None


def _text_of(row: object) -> bytes:
    try:
        return orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        return json.dumps(row, sort_keys=True).encode()
