"""What statements name by literals, and not by parameters: with parameters the planner opens every chunk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from psycopg import sql

from domain.window import Window

FURTHEST: Final = timedelta(days=2)
"""Between an instant and the UTC midnight of a local date that has it, rounded up."""


def literal_ids(series_ids: Sequence[int]) -> sql.Literal:
    """Numbers of the catalogue as an array literal."""
    return sql.Literal("{" + ",".join(map(str, series_ids)) + "}")


def literals(series_ids: Sequence[int], start: datetime, end: datetime) -> dict[str, sql.Composable]:
    """`series_ids`, `start` and `end`."""
    return {"series_ids": literal_ids(series_ids), "start": sql.Literal(start), "end": sql.Literal(end)}


def literals_of_days(series_ids: Sequence[int], window: Window) -> dict[str, sql.Composable]:
    """The same for `window`, and `first` and `last`: the earliest and the latest local date that may lie in it."""
    dates = {"first": (window.start - FURTHEST).date(), "last": (window.end + FURTHEST).date()}
    return literals(series_ids, window.start, window.end) | {name: sql.Literal(at) for name, at in dates.items()}
