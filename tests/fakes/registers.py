"""Loads of register readings, and what the warehouse should say of them: a rebuild of everything from the readings."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
import psycopg

from domain.measurement import Normalized
from domain.records import LoadReport, Series
from domain.registers import FLAGS, judge, register_of
from domain.window import Window
from tests.fakes.points import landed
from warehouse.store import TimescaleWarehouse

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Readings = Mapping[datetime, float]
Row = tuple[str, datetime, datetime, float, float | None, float | None, str]
"""Key of the series, begin, end, amount, usual, spacing, flag."""


def load_readings(
    warehouse: TimescaleWarehouse,
    readings: Mapping[str, Readings],
    window: Window,
    source: str = "house",
    *,
    quantity: str = "energy_register",
    provider_unit: str = "kWh",
    time_zone: str = "UTC",
) -> LoadReport:
    """Make `window` say what `readings` say there: key of the series → readings; as a correction."""
    inside = {
        key: {at: value for at, value in values.items() if window.start <= at < window.end}
        for key, values in readings.items()
    }
    rows = [(key, at, value) for key, values in inside.items() for at, value in values.items()]
    keys = [key for key, _, _ in rows]
    frame = pd.DataFrame(
        {
            "series": pd.Categorical(keys, categories=pd.Index(sorted(set(keys)), dtype="str")),
            "measured_at": pd.Series([at for _, at, _ in rows], dtype="datetime64[us, UTC]"),
            "value": pd.Series([value for _, _, value in rows], dtype="float64"),
        }
    )
    described = tuple(
        Series(key, quantity, device=key, provider_unit=provider_unit, time_zone=time_zone) for key in readings
    )
    batch = Normalized(series=described, measurements=frame)
    return warehouse.load(source, window, landed(warehouse, source, window), [batch], is_correction=True)


def stored(database: str, source: str = "house") -> list[Row]:
    """What `register_interval` holds."""
    with psycopg.connect(database) as connection:
        return stored_on(connection, source)


def wrong_intervals(connection: psycopg.Connection) -> list[str]:
    """Sources whose intervals are not those of a rebuild."""
    sources = [str(source) for (source,) in connection.execute("SELECT DISTINCT source FROM series ORDER BY 1")]
    return [one for one in sources if stored_on(connection, one) != rebuilt_on(connection, one)]


def stored_on(connection: psycopg.Connection, source: str) -> list[Row]:
    """What `register_interval` holds."""
    rows = connection.execute(
        "SELECT key, measured_at, ended_at, amount, usual, spacing, flag FROM register_interval"
        " JOIN series USING (series_id) WHERE source = %s ORDER BY key, ended_at",
        [source],
    ).fetchall()
    return [(key, begun.astimezone(UTC), ended.astimezone(UTC), *rest) for key, begun, ended, *rest in rows]


_LOCAL: Final = "SELECT key, local_date, {amount}, n_intervals::bigint, n_flagged::bigint FROM {days} ORDER BY 1, 2"
_DAYS: Final = "register_energy_local_daily INNER JOIN series USING (series_id)"
_ADDED_UP: Final = """
(
    SELECT
        key,
        ((ended_at - interval '1 microsecond') AT TIME ZONE time_zone)::date AS local_date,
        sum(amount) AS amount,
        count(*) AS n_intervals,
        count(*) FILTER (WHERE flag <> 'measured') AS n_flagged
    FROM register_energy
    INNER JOIN series USING (series_id)
    GROUP BY key, local_date
) AS added_up
"""


def local_days(database: str) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What is written of local days, and what the intervals say when they are added up: rounded to a millionth."""
    with psycopg.connect(database) as connection:
        found = [
            connection.execute(_LOCAL.format(amount="round(amount::numeric, 6)", days=days).encode()).fetchall()
            for days in (_DAYS, _ADDED_UP)
        ]
    return found[0], found[1]


def rebuilt(database: str, source: str = "house") -> list[Row]:
    """What it should hold: every reading of every register, judged at once."""
    with psycopg.connect(database) as connection:
        return rebuilt_on(connection, source)


def rebuilt_on(connection: psycopg.Connection, source: str) -> list[Row]:
    """The same, on a session."""
    found = connection.execute(
        "SELECT key, quantity, provider_unit, array_agg(measured_at ORDER BY measured_at),"
        " array_agg(value ORDER BY measured_at) FROM measurement JOIN series USING (series_id)"
        " WHERE kind = 'register' AND source = %s GROUP BY 1, 2, 3 ORDER BY 1",
        [source],
    ).fetchall()
    rows: list[Row] = []
    for key, quantity, unit, instants, values in found:
        at_us = np.array([(at - EPOCH) // timedelta(microseconds=1) for at in instants], dtype=np.int64)
        judged = judge(at_us, np.array(values, dtype=np.float64), register_of(quantity, unit))
        for n in range(len(judged.ended_us)):
            usual, spacing = float(judged.usual[n]), float(judged.spacing_us[n]) / 1e6
            rows.append(
                (
                    key,
                    EPOCH + timedelta(microseconds=int(judged.begun_us[n])),
                    EPOCH + timedelta(microseconds=int(judged.ended_us[n])),
                    float(judged.amount[n]),
                    None if np.isnan(usual) else usual,
                    None if np.isnan(spacing) else spacing,
                    FLAGS[int(judged.flag[n])],
                )
            )
    return rows
