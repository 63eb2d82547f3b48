"""What a live stream has put and no load has confirmed: how a load treats it, so that the two never fight over a row.

A stream's points stand in the same tables as everybody's, and `live_point` remembers them. A load compares them as it
compares any point: the same value is unchanged, another one is changed with a revision. Two things are different:

    A point of a stream that the export does not say, up to the last instant that the export says of its very series,
    is removed with a revision, and does not count as a loss: the partition does not shrink by it.
    A point of a stream behind that instant stays: the export has not come so far yet, and proves nothing about it.

A stream may say whole seconds where the export has fractions. A point at a whole second that is removed because the
export says the same value less than a second away was that very sample: nothing is lost, and no revision is kept.

Proof is a matter of one series: another one of the same device may come further (a statistic of an hour that has just
begun), and a series that no export ever names is the stream's for good. What a load has confirmed or removed is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt
import psycopg

from domain.instants import SECOND_US, instant
from domain.window import Window
from warehouse.copy_binary import decode_instants
from warehouse.difference import Difference
from warehouse.load_buffer import LoadBuffer
from warehouse.points import Points, Slice
from warehouse.statements import statement

_Value = TypeVar("_Value", np.float64, np.int64)
_Instants = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Provisional:
    """A stream's points inside the window of a load.

    Attributes:
        instants: Number in the catalogue → microseconds since 1970 of its points, ascending.
        proven_until: Number in the catalogue → the last microsecond that the load says of the series.
        ranks: Number in the catalogue → rank of the series in what the load says.
    """

    instants: Mapping[int, _Instants]
    proven_until: Mapping[int, int]
    ranks: Mapping[int, int]

    @classmethod
    def of(cls, connection: psycopg.Connection, source: str, window: Window, buffer: LoadBuffer) -> Self:
        """What streams have put into `window`; needs the locks of its days."""
        values = {"source": source, "start": window.start, "end": window.end}
        with connection.cursor(binary=True) as cursor:
            found = cursor.execute(statement("live/provisional"), values).fetchall()
        if not found:
            return cls({}, {}, {})
        instants = {series_id: np.sort(decode_instants(packed)) for series_id, packed in found}
        proven: dict[int, int] = {}
        ranks: dict[int, int] = {}
        for rank, series_id in enumerate(buffer.series_ids.tolist()):
            if series_id not in instants:
                continue
            ranks[series_id] = rank
            for points in (buffer.numbers, buffer.states):
                loaded = points.taken(points.span_of(rank)).at_us
                if len(loaded):
                    proven[series_id] = max(proven.get(series_id, int(loaded[-1])), int(loaded[-1]))
        return cls(instants, proven, ranks)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.instants)

    def spare(self, difference: Difference[_Value], points: Points[_Value]) -> tuple[Difference[_Value], int]:
        """The difference without the points that nothing has been proven about, and how many others are a stream's.

        Args:
            difference: What a load has to write.
            points: What it says.
        """
        gone = difference.vanished
        is_spared = np.zeros(len(gone.series_id), dtype=np.bool_)
        is_streamed = np.zeros(len(gone.series_id), dtype=np.bool_)
        for series_id in np.unique(gone.series_id).tolist():
            known = self.instants.get(series_id)
            if known is None:
                continue
            of_series = gone.series_id == series_id
            put = of_series & np.isin(gone.at_us, known)
            behind = gone.at_us > self.proven_until.get(series_id, -1)
            is_spared |= put & behind
            is_streamed |= put & ~behind
            if series_id in self.ranks:
                loaded = points.taken(points.span_of(self.ranks[series_id]))
                gone.is_kept[put] = ~_is_loaded_nearby(gone.at_us[put], gone.value[put], loaded)
        n_spared = int(is_spared.sum())
        without = replace(difference, n_stored=difference.n_stored - n_spared, vanished=gone.where(~is_spared))
        return without, int(is_streamed.sum())

    def confirm(self, connection: psycopg.Connection, window: Window) -> None:
        """Forget those that the load has said something about: they are the export's now, or gone."""
        if not self.proven_until:
            return
        connection.execute(
            statement("live/confirm"),
            {
                "series_ids": list(self.proven_until),
                "untils": [instant(at) for at in self.proven_until.values()],
                "start": window.start,
                "end": window.end,
            },
        )


def _is_loaded_nearby(at_us: _Instants, value: npt.NDArray[_Value], loaded: Slice[_Value]) -> npt.NDArray[np.bool_]:
    """Which points at whole seconds have the value of a loaded one that is less than a second away."""
    is_nearby = np.zeros(len(at_us), dtype=np.bool_)
    first = np.searchsorted(loaded.at_us, at_us - SECOND_US, side="right")
    last = np.searchsorted(loaded.at_us, at_us + SECOND_US, side="left")
    for step in range(int((last - first).max(initial=0))):
        there = first + step < last
        is_nearby[there] |= loaded.value[first[there] + step] == value[there]
    is_nearby &= at_us % SECOND_US == 0
    return is_nearby
