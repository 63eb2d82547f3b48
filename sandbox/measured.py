"""The shipped measurements, from which every twin makes its provider's data.

`sandbox/data/ORIGIN.md` says where every column comes from and which field of a twin is measured, scaled, split or
derived. The source spans 364 days, so the day that is k days after 2025-01-01 shows the source's day k mod 364:
weekdays fit exactly, and the season drifts by a day and a quarter a year.
"""

from datetime import date
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt

from sandbox.instants import MS_PER_DAY, day_number

if TYPE_CHECKING:
    import pandas as pd

Counts = npt.NDArray[np.int64]
"""A column: whole numbers in the unit that its name ends with; `MISSING` where nobody measured."""

N = TypeVar("N", int, Counts)

FIRST_DAY: Final = day_number(date(2025, 1, 1))
"""The first day with data, in days since 1970-01-01."""

FIRST_MS: Final = FIRST_DAY * MS_PER_DAY
SOURCE_DAYS: Final = 364
MINUTES: Final = 1440
QUARTERS: Final = 96
QUARTER_MINUTES: Final = 15
MISSING: Final = -(2**31)


def measured_column(table: str, column: str) -> Counts:
    """A whole column of `household` (a row a minute) or `solar` (a row a quarter of an hour)."""
    return _tables()[table][column]


@cache
def by_minute(column: str) -> Counts:
    """A whole column of either table, a row a minute."""
    tables = _tables()
    if column in tables["household"]:
        return tables["household"][column]
    return np.repeat(tables["solar"][column], QUARTER_MINUTES)


@cache
def accumulated(column: str) -> Counts:
    """What a household column has counted up to and including each minute of the source."""
    return np.cumsum(np.maximum(measured_column("household", column), 0))


def source_day(number: int, shift_days: int = 0) -> int:
    """Which day of the source the day `number` (days since 1970-01-01) shows."""
    return (number - FIRST_DAY + shift_days) % SOURCE_DAYS


def rows_of_day(day: int, per_day: int = MINUTES) -> slice:
    """The rows of a day of the source in a column of `per_day` rows a day."""
    return slice(day * per_day, (day + 1) * per_day)


def scattered(step: N) -> N:
    """A number without pattern for each step, from which small offsets of times are taken."""
    return step * 2_654_435_761 >> 16


@cache
def _tables() -> dict[str, dict[str, Counts]]:
    household = _read("household_minutes.csv.zst").set_index("minute")
    whole = household.reindex(range(SOURCE_DAYS * MINUTES), fill_value=MISSING)
    solar = _read("solar_quarters.csv.zst").set_index("quarter").fillna(MISSING)
    return {
        table: {str(name): column.to_numpy(dtype=np.int64) for name, column in frame.items()}
        for table, frame in (("household", whole), ("solar", solar))
    }


def _read(name: str) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 - most of the start-up time, and a sandbox of volume rows needs none

    with as_file(files("sandbox") / "data" / name) as path:
        return pd.read_csv(path, compression="zstd")
