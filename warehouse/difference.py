"""Where what a table holds and what the payloads say differ."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from warehouse.points import Points

_Value = TypeVar("_Value", np.float64, np.int64)


@dataclass(frozen=True, slots=True)
class Vanished(Generic[_Value]):
    """Points that the table holds and the payloads do not say; `is_kept`: what it was is kept as a revision."""

    series_id: npt.NDArray[np.int64]
    at_us: npt.NDArray[np.int64]
    value: npt.NDArray[_Value]
    is_kept: npt.NDArray[np.bool_]

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Vanished[_Value]":
        """Those that are chosen."""
        return Vanished(self.series_id[chosen], self.at_us[chosen], self.value[chosen], self.is_kept[chosen])


@dataclass(frozen=True, slots=True)
class Difference(Generic[_Value]):
    """What a load has to write.

    Attributes:
        n_stored: Points the table holds.
        n_unchanged: Points that are the same on both sides.
        n_overwritten: Changed points that look as if nobody had measured them (`_n_overwritten`).
        new: Positions of deduplicated points that the table does not hold; None for all of them.
        changed: Positions of deduplicated points of which the table holds another value.
        vanished: Points to remove.
    """

    n_stored: int
    n_unchanged: int
    n_overwritten: int
    new: npt.NDArray[np.int64] | None
    changed: npt.NDArray[np.int64]
    vanished: Vanished[_Value]


def nothing_stored(dtype: type[_Value]) -> Difference[_Value]:
    """The difference where a table holds nothing: every point is new."""
    none = np.empty(0, dtype=np.int64)
    return Difference(0, 0, 0, None, none, Vanished(none, none, np.empty(0, dtype), np.empty(0, np.bool_)))


def compare(
    points: Points[_Value],
    rank_of: dict[int, int],
    stored: Iterable[tuple[int, npt.NDArray[np.int64], Any]],
    decode: Callable[[Any], npt.NDArray[_Value]],
    dtype: type[_Value],
    *,
    provisional: Mapping[int, npt.NDArray[np.int64]],
) -> Difference[_Value]:
    """Compare deduplicated points with what a table holds.

    Args:
        points: What the payloads say.
        rank_of: Number in the catalogue → rank of the series in `points`.
        stored: Per series: its number, instants in any order, and values for `decode`.
        decode: Makes an array of stored values.
        dtype: Of the values.
        provisional: Number in the catalogue → instants at which nothing is lost by another value: a stream put them.
    """
    n_stored = n_unchanged = n_overwritten = 0
    is_stored = np.empty(0, dtype=np.bool_)
    changed: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    gone_ids, gone_at = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    gone_values: list[npt.NDArray[_Value]] = [np.empty(0, dtype=dtype)]
    for series_id, found_at, packed in stored:
        at_us, values = _in_order(found_at, decode(packed))
        if not n_stored:  # a day that is loaded for the first time needs none
            is_stored = np.zeros(len(points), dtype=np.bool_)
        n_stored += len(at_us)
        rank = rank_of.get(series_id)
        span = slice(0, 0) if rank is None else points.span_of(rank)
        loaded = points.taken(span)
        if np.array_equal(at_us, loaded.at_us):
            positions = np.arange(len(at_us))
            is_known = np.ones(len(at_us), dtype=np.bool_)
        else:
            positions = np.minimum(np.searchsorted(loaded.at_us, at_us), max(len(loaded.at_us) - 1, 0))
            is_known = loaded.at_us[positions] == at_us if len(loaded.at_us) else np.zeros(len(at_us), dtype=np.bool_)
        if not is_known.all():
            gone_ids.append(np.full(int((~is_known).sum()), series_id, dtype=np.int64))
            gone_at.append(at_us[~is_known])
            gone_values.append(values[~is_known])
        known = positions[is_known]
        before, now = values[is_known], loaded.value[known]
        differs = now != before
        n_unchanged += int((~differs).sum())
        is_loss = differs & ~np.isin(at_us[is_known], provisional[series_id]) if series_id in provisional else differs
        n_overwritten += _n_overwritten(before[is_loss], now[is_loss])
        is_stored[span.start + known] = True
        changed.append(span.start + known[differs])
    new = np.flatnonzero(~is_stored) if n_stored else None
    ids = np.concatenate(gone_ids)
    vanished = Vanished(ids, np.concatenate(gone_at), np.concatenate(gone_values), np.ones(len(ids), dtype=np.bool_))
    return Difference(n_stored, n_unchanged, n_overwritten, new, np.concatenate(changed), vanished)


def _n_overwritten(before: npt.NDArray[_Value], now: npt.NDArray[_Value]) -> int:
    """How many changed points of a series look as if nobody had measured them: zeros, or one value in place of several.

    Less those that were the same value before: where values only move to other instants, nothing is overwritten. A
    value that always replaces the same other one is another scale, sign or offset. States know no zero.
    """
    if not len(now):
        return 0
    values, n_times = np.unique(now, return_counts=True)
    common = values[n_times.argmax()]
    replaced = before[now == common]
    n_by_one = len(replaced) - np.count_nonzero(before == common) if (replaced != replaced[0]).any() else 0
    n_by_zero = np.count_nonzero(before) - np.count_nonzero(now) if now.dtype == np.float64 else 0
    return int(max(0, n_by_one, n_by_zero))


def _in_order(
    at_us: npt.NDArray[np.int64], values: npt.NDArray[_Value]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[_Value]]:
    """By time. A table filled in order gives them back in order, nearly always."""
    if (at_us[1:] > at_us[:-1]).all():
        return at_us, values
    order = np.argsort(at_us, kind="stable")
    return at_us[order], values[order]
