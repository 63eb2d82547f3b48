"""What the points of a series on a UTC day amount to: how many, from when to when, how far apart, and a hash.

A fact depends on the points alone: not on the order in which they came, nor on the way that they were read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from domain.instants import DAY_US

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]
BitsOf = Callable[[npt.NDArray[Any]], Hashes]

_AT_ONCE: Final = 1 << 16  # points hashed at a time: what is in hand stays in the processor's cache
_OF_TIME: Final = np.uint64(0x9E3779B97F4A7C15)
_MIXERS: Final = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))  # splitmix64


@dataclass(frozen=True, slots=True)
class DayFacts:
    """An array each: one element per series and UTC day.

    Attributes:
        key: Number in the catalogue in the upper 32 bits, days since 1970 + 2^31 in the lower ones; ascending.
        found: Points.
        first_us: Microseconds since 1970 of the first one.
        last_us: Of the last one.
        longest_gap_us: The longest time between two that follow one another; 0 where there is one.
        minimum: The smallest number; NaN for texts.
        maximum: The largest number; NaN for texts.
        value_hash: The sum of a hash of each value and its time of day: of the same values on another day the same.
    """

    key: Ints
    found: Ints
    first_us: Ints
    last_us: Ints
    longest_gap_us: Ints
    minimum: Floats
    maximum: Floats
    value_hash: Ints

    def __len__(self) -> int:
        """How many series and days."""
        return len(self.key)

    def taken(self, which: npt.NDArray[np.bool_] | Ints) -> "DayFacts":
        """Those at some places."""
        return DayFacts(*(getattr(self, name)[which] for name in self.__slots__))

    def followed_by(self, later: "DayFacts") -> "DayFacts":
        """The same series and days with further points, all of them behind the last one here."""
        between = later.first_us - self.last_us
        return DayFacts(
            self.key,
            self.found + later.found,
            self.first_us,
            later.last_us,
            np.maximum(np.maximum(self.longest_gap_us, later.longest_gap_us), between),
            np.fmin(self.minimum, later.minimum),
            np.fmax(self.maximum, later.maximum),
            self.value_hash + later.value_hash,
        )

    def differs(self, other: "DayFacts") -> npt.NDArray[np.bool_]:
        """At which places two of equal length say something else."""
        different = np.zeros(len(self), dtype=np.bool_)
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            different |= ~((mine == theirs) | (np.isnan(mine) & np.isnan(theirs)))
        return different


def day_key(series_id: Ints, day: Ints) -> Ints:
    """The key of a series and a day, in days since 1970."""
    return (series_id << 32) | (day + (1 << 31))


def series_and_day(key: Ints) -> tuple[Ints, Ints]:
    """The opposite of `day_key`."""
    return key >> 32, (key & 0xFFFFFFFF) - (1 << 31)


def facts_of(
    keys: Ints,
    values: npt.NDArray[Any],
    *,
    time_bits: int,
    start_us: int,
    end_us: int,
    series_ids: Ints,
    ranks: Ints,
    bits_of: BitsOf,
) -> DayFacts:
    """The facts of points.

    Args:
        keys: Rank of the series, then microseconds since `start_us` in `time_bits` bits; ascending, each once.
        values: One for each key: numbers, or codes of texts.
        time_bits: How many bits the microseconds take.
        start_us: Microseconds since 1970.
        end_us: Of the end of the window.
        series_ids: Rank → number in the catalogue.
        ranks: The ranks that may occur in `keys`, ascending.
        bits_of: What of a value is hashed.
    """
    days = np.arange(start_us // DAY_US, -(-end_us // DAY_US), dtype=np.int64)
    offset = np.maximum(days * DAY_US - start_us, 0)
    bounds = ((ranks[:, None] << time_bits) | offset).ravel()
    starts = np.searchsorted(keys, bounds)
    ends = np.append(starts[1:], len(keys))
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    if not len(starts):
        return nothing()
    key = day_key(np.repeat(series_ids[ranks], len(days))[filled], np.tile(days, len(ranks))[filled])
    gaps = np.empty(len(keys), dtype=np.int64)
    np.subtract(keys[1:], keys[:-1], out=gaps[1:])
    gaps[starts] = 0
    mask = (1 << time_bits) - 1
    shift_us = start_us if start_us % DAY_US or end_us - start_us > DAY_US else None
    hashed = _hashed(keys, values, bits_of, time_bits=time_bits, shift_us=shift_us)
    none = np.full(len(starts), np.nan)
    is_number = values.dtype.kind == "f"
    facts = DayFacts(
        key,
        ends - starts,
        (keys[starts] & mask) + start_us,
        (keys[ends - 1] & mask) + start_us,
        np.maximum.reduceat(gaps, starts),
        np.minimum.reduceat(values, starts) if is_number else none,
        np.maximum.reduceat(values, starts) if is_number else none,
        np.add.reduceat(hashed, starts).view(np.int64),
    )
    # Ranks are in the order in which series were met; rows are kept in the order of their numbers.
    return facts if (key[1:] > key[:-1]).all() else facts.taken(np.argsort(key))


def bits_of_numbers(values: npt.NDArray[Any]) -> Hashes:
    """What of numbers is hashed: their bits, with one zero only."""
    return (values + 0.0).view(np.uint64)


def bits_of_texts(texts: Sequence[bytes]) -> BitsOf:
    """What of codes of texts is hashed: the texts."""
    hashes = np.array([int.from_bytes(blake2b(text, digest_size=8).digest()) for text in texts], dtype=np.uint64)
    return lambda codes: hashes[codes]


def joined(parts: Sequence[DayFacts]) -> DayFacts:
    """All of them, in the order of their keys; what several say of a series and day, in the order of time, is one."""
    whole = [nothing(), *parts]
    facts = DayFacts(*(np.concatenate([getattr(one, name) for one in whole]) for name in DayFacts.__slots__))
    facts = facts.taken(np.argsort(facts.key, kind="stable"))
    starts = np.flatnonzero(np.append(True, facts.key[1:] != facts.key[:-1])[: len(facts)])
    if len(starts) == len(facts):
        return facts
    gaps = facts.longest_gap_us.copy()
    gaps[1:] = np.maximum(gaps[1:], facts.first_us[1:] - facts.last_us[:-1])
    gaps[starts] = facts.longest_gap_us[starts]
    return DayFacts(
        facts.key[starts],
        np.add.reduceat(facts.found, starts),
        facts.first_us[starts],
        facts.last_us[np.append(starts[1:], len(facts)) - 1],
        np.maximum.reduceat(gaps, starts),
        np.fmin.reduceat(facts.minimum, starts),
        np.fmax.reduceat(facts.maximum, starts),
        np.add.reduceat(facts.value_hash, starts),
    )


def nothing() -> DayFacts:
    """The facts of no points."""
    return DayFacts(*(np.empty(0, dtype) for dtype in (*[np.int64] * 5, *[np.float64] * 2, np.int64)))


def _hashed(keys: Ints, values: npt.NDArray[Any], bits_of: BitsOf, *, time_bits: int, shift_us: int | None) -> Hashes:
    hashed = np.empty(len(keys), dtype=np.uint64)
    for start in range(0, len(keys), _AT_ONCE):
        span = slice(start, start + _AT_ONCE)
        time_of_day = keys[span] & ((1 << time_bits) - 1)
        if shift_us is not None:  # else it is the time of day already
            time_of_day = (time_of_day + shift_us) % DAY_US
        mixed = time_of_day.view(np.uint64)
        mixed *= _OF_TIME
        mixed += bits_of(values[span])
        for shift, factor in _MIXERS:
            mixed ^= mixed >> np.uint64(shift)
            mixed *= factor
        hashed[span] = mixed ^ (mixed >> np.uint64(31))
    return hashed
