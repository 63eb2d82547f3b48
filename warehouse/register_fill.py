"""How a warehouse that had registers before gets their intervals: a register at a time."""

import psycopg

from warehouse import registers
from warehouse.readers import refuse_readers
from warehouse.statements import statement


def plan_registers(connection: psycopg.Connection) -> list[str]:
    """Every register with readings, by its number in the catalogue."""
    return [str(series_id) for (series_id,) in connection.execute(statement("fill/registers"))]


def fill_register(connection: psycopg.Connection, unit: str) -> None:
    """Write the intervals of a register from its readings; loads of its source wait meanwhile."""
    series_id = int(unit)
    row = connection.execute(statement("fill/source_of"), {"series_id": series_id}).fetchone()
    if row is None:
        return
    source = str(row[0])
    connection.execute(statement("catalogue/lock"), {"source": source})
    for window in registers.spans(connection, [series_id]):
        registers.rewrite(connection, source, [series_id], window, place=f"register {series_id} of {source}")


def show_registers(connection: psycopg.Connection) -> None:
    """Let `register_energy` read the intervals, and `register_energy_local_daily` the days added up from them.

    Raises:
        WarehouseUnsuitableError: Somebody's views read the old `register_energy_local_daily`, which has other columns.
    """
    row = connection.execute(statement("fill/has_old_register_days")).fetchone()
    if row is not None and row[0]:
        name = "register_energy_local_daily"
        refuse_readers(connection, [name], f"the old view {name}, which has other columns and stays")
        connection.execute(statement("step_0014/register_local_view"))
    connection.execute(statement("step_0010/register_energy"))
