"""What a table of points holds inside a window, read series by series, a bounded number of points at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import psycopg

from domain.window import Window
from warehouse.copy_binary import decode_instants
from warehouse.literals import literals
from warehouse.statements import statement

_POINTS_AT_ONCE: Final = 500_000  # 8 MB in one answer
_SERIES_FIRST: Final = 4
_SERIES_MOST: Final = 4_096


def stored_points(
    connection: psycopg.Connection, kind: Literal["numbers", "states"], series_ids: Sequence[int], window: Window
) -> Iterator[tuple[int, npt.NDArray[np.int64], Any]]:
    """Per series that has points inside `window`: its number, its instants (µs since 1970), its values as they came.

    The instants of one series come in any order. Values are packed numbers, or a list of texts.
    """
    n_series, start = _SERIES_FIRST, 0
    while start < len(series_ids):
        names = literals(series_ids[start : start + n_series], window.start, window.end)
        n_points = 0
        with connection.cursor(binary=True) as cursor:
            for series_id, times, values in cursor.execute(statement(f"load/stored_{kind}").format(**names)):
                n_points += len(times) // 8
                yield series_id, decode_instants(times), values
        start += n_series
        # Series differ in density by orders of magnitude: the answers, not the questions, are to be of one size.
        grown = n_series * 4 if n_points < _POINTS_AT_ONCE // 4 else n_series
        n_series = min(_SERIES_MOST, grown if n_points <= _POINTS_AT_ONCE else max(1, n_series // 2))
