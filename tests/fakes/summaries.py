"""What summaries are to be: a plain walk over the points, sharing nothing with what writes them."""

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

_VIEWS: Final[dict[str, Callable[[datetime, ZoneInfo], datetime | date]]] = {
    "measurement_hourly": lambda at, _: at.replace(minute=0, second=0, microsecond=0),
    "measurement_daily": lambda at, _: at.replace(hour=0, minute=0, second=0, microsecond=0),
    "measurement_local_daily": lambda at, zone: at.astimezone(zone).date(),
}
_TABLES: Final = ("summary_hourly", "summary_daily", "summary_local_day")


def differences(connection: psycopg.Connection) -> list[str]:
    """Every bucket of the three views that is not what the points amount to."""
    points = connection.execute(
        "SELECT series_id, measured_at, value, time_zone FROM measurement JOIN series USING (series_id) ORDER BY 1, 2"
    ).fetchall()
    wrong = []
    for view, bucket_of in _VIEWS.items():
        values: dict[tuple[int, datetime | date], list[float]] = defaultdict(list)
        for series_id, at, value, zone in points:
            values[series_id, bucket_of(at.astimezone(UTC), ZoneInfo(zone))].append(value)
        found = _rows(connection, view)
        wrong += [f"{view} {key}: not there" for key in values.keys() - found.keys()]
        wrong += [f"{view} {key}: {row}, and there are no points" for key, row in found.items() if key not in values]
        for key, said in values.items():
            if key in found and not _fits(found[key], said):
                wrong.append(f"{view} {key}: {found[key]} of {said[:5]}")
    return wrong


def written(connection: psycopg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the tables below, with the transaction that wrote it."""
    return {table: sorted(connection.execute(f"SELECT xmin::text, * FROM {table}").fetchall()) for table in _TABLES}


def _rows(connection: psycopg.Connection, view: str) -> dict[tuple[int, datetime | date], tuple[Any, ...]]:
    bucket = "local_date" if "local" in view else "bucket_at"
    rows = connection.execute(
        f"SELECT series_id, {bucket}, n_points, mean, minimum, maximum, total, latest FROM {view}"
    ).fetchall()
    assert len({row[:2] for row in rows}) == len(rows), f"{view} has a bucket twice"
    return {(row[0], row[1].astimezone(UTC) if isinstance(row[1], datetime) else row[1]): row[2:] for row in rows}


def _fits(row: tuple[Any, ...], values: list[float]) -> bool:
    n_points, mean, minimum, maximum, total, latest = row
    magnitude = math.fsum(abs(one) for one in values)
    exact = math.fsum(values)
    return (
        (n_points, minimum, maximum, latest) == (len(values), min(values), max(values), values[-1])
        and abs(total - exact) <= 1e-12 * magnitude
        and abs(mean - exact / len(values)) <= 1e-12 * magnitude
    )
