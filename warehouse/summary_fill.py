"""How a warehouse that had points before gets its summaries: a day of a source at a time."""

from datetime import date

import psycopg
from psycopg import sql

from domain.window import Window
from warehouse import summaries
from warehouse.readers import refuse_readers
from warehouse.statements import statement
from warehouse.summary_days import lock_day, units_of_days


def plan_days(connection: psycopg.Connection) -> list[str]:
    """Every UTC day of every source on which it has numbers, or summaries of numbers, as `day source`."""
    return units_of_days(connection, "fill/sources")


def rewrite_day(connection: psycopg.Connection, source: str, day: date) -> int:
    """Write the summaries of a day of a source from its points, under the locks of a load of it; how many rows."""
    lock_day(connection, source, day)
    rows = connection.execute(statement("summary/of_source"), {"source": source}).fetchall()
    zone_of = {int(series_id): str(time_zone) for series_id, time_zone in rows}
    return summaries.rewrite(connection, zone_of, Window.of_day(day))


def show_summaries(connection: psycopg.Connection) -> None:
    """Put views over the summaries in the place of the old views or continuous aggregates.

    Raises:
        WarehouseUnsuitableError: Somebody's views read the continuous aggregates, and would go with them.
    """
    aggregates = [name for (name,) in connection.execute(statement("fill/aggregates"))]
    if aggregates:
        refuse_readers(connection, aggregates, f"the continuous aggregates {', '.join(aggregates)}, which stay")
        for name in aggregates:
            connection.execute(sql.SQL("DROP MATERIALIZED VIEW {}").format(sql.Identifier("public", name)))
    for name in ("step_0013/summary_views", "step_0013/summary_local_views", "step_0018/measurement_hourly"):
        connection.execute(statement(name))
