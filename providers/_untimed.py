"""Whose day a row belongs to that has no usable time: its neighbour's, so that of many days exactly one counts it."""

from collections.abc import Collection

import numpy as np

from domain.window import Window
from providers._points import Integers, micros_of


def neighbours(times: Integers, invalid: Collection[int], default: int) -> dict[int, int]:
    """For each row without a usable time, the instant whose day it belongs to.

    It is the time of the nearest row before it that has one, else of the nearest after it, else `default`.

    Args:
        times: Of each row, in the order of the answer, in microseconds since the epoch; of invalid rows anything.
        invalid: The rows without a usable time, by index.
        default: Where no row has a time; microseconds since the epoch.
    """
    if not invalid:
        return {}
    rows = np.array(sorted(invalid), dtype=np.int64)
    is_usable = np.ones(len(times), dtype=np.bool_)
    is_usable[rows] = False
    usable = np.flatnonzero(is_usable)
    if not len(usable):
        return dict.fromkeys(rows.tolist(), default)
    before = np.maximum(np.searchsorted(usable, rows) - 1, 0)  # in front of all there is nothing but the first after it
    return dict(zip(rows.tolist(), times[usable[before]].tolist(), strict=True))


def untimed_inside(
    times: Integers, invalid: Collection[int], asked: Window, window: Window, *, before: int | None = None
) -> list[int]:
    """The rows without a usable time that belong to `window`, in order.

    Every one of them belongs to exactly one of the windows that `asked` is divided into.

    Args:
        times: As in `neighbours`.
        invalid: As in `neighbours`.
        asked: What was asked for: a neighbour outside of it counts as its nearest instant inside.
        window: What the answer is read for.
        before: The last usable time in front of these rows, where they are a piece of an answer.
    """
    start, end = micros_of(asked.start), micros_of(asked.end)
    low, high = micros_of(window.start), micros_of(window.end)
    n_before = 0
    if before is not None:
        n_before, times = 1, np.concatenate([np.array([before], dtype=np.int64), times])
    found = neighbours(times, [index + n_before for index in invalid], start)
    return [index - n_before for index, at in found.items() if low <= min(max(at, start), end - 1) < high]
