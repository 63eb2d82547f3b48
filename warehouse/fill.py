"""Filling a warehouse that had points before what is derived from them was written at load.

Each derived thing is filled in units, each in a transaction of its own: it can be interrupted and resumed, by several
at once, while loads run beside it and write what they touch. Until the last unit is done the old views answer; then the
new ones take their place, all in one transaction.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import psycopg

from domain.errors import WarehouseUnsuitableError
from warehouse import registers, series_days
from warehouse.connections import Address
from warehouse.readers import refuse_readers
from warehouse.sqlstates import translated
from warehouse.statements import statement
from warehouse.summary_days import filled_by_day
from warehouse.summary_fill import plan_days, rewrite_day, show_summaries


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


@dataclass(frozen=True, slots=True)
class Derived:
    """One thing that loads write beside the points.

    Attributes:
        name: In the table `derived`.
        plan: Units that a warehouse with points needs, in the order in which they are done.
        fill: Do one of them, in the transaction that is open; takes the locks a load of the same would take.
        show: Put the new views in the place of the old ones, in the transaction that is open.
    """

    name: str
    plan: Callable[[psycopg.Connection], list[str]]
    fill: Callable[[psycopg.Connection, str], None]
    show: Callable[[psycopg.Connection], None]


DERIVED: Final = (
    Derived("registers", plan_registers, fill_register, show_registers),
    Derived("summaries", plan_days, filled_by_day(rewrite_day), show_summaries),
    Derived("series_days", series_days.plan_days, filled_by_day(series_days.rewrite_day), lambda _: None),
)
"""In the order in which they are filled."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one thing is: units done, of how many."""

    name: str
    n_done: int
    n_units: int


def fill(url: str) -> Iterator[Progress]:
    """Fill what is not filled yet, a unit at a time, and say so after each. Safe to interrupt, to repeat and to race.

    Args:
        url: `postgresql://…` of the owner of the tables.

    Raises:
        WarehouseUnsuitableError: Views of somebody else stand on the old ones, which therefore stay.
        WarehouseUnavailableError: The server does not answer.
    """
    address = Address.of(url)
    with translated(address.place), address.connect() as connection:
        yield from fill_on(connection)


def fill_on(connection: psycopg.Connection) -> Iterator[Progress]:
    """The same on a session of the owner of the tables, in autocommit."""
    refusals: list[WarehouseUnsuitableError] = []
    for one in DERIVED:
        if _is_pending(connection, one.name):
            try:
                yield from _fill(connection, one)
            except WarehouseUnsuitableError as refusal:
                refusals.append(refusal)  # the others are filled all the same
    if refusals:
        raise refusals[0]


def pending(url: str) -> list[Progress]:
    """What is not filled yet. An empty list: every view reads what the loads write."""
    address = Address.of(url)
    with translated(address.place), address.connect() as connection:
        return [_progress(connection, one.name) for one in DERIVED if _is_pending(connection, one.name)]


def _fill(connection: psycopg.Connection, one: Derived) -> Iterator[Progress]:
    with connection.transaction():
        planned = connection.execute(statement("fill/lock_plan"), {"name": one.name}).fetchone()
        if planned is not None and planned[0] is None:
            connection.execute(statement("fill/plan"), {"name": one.name, "units": one.plan(connection)})
    yield _progress(connection, one.name)
    while True:
        with connection.transaction():
            row = connection.execute(statement("fill/take"), {"name": one.name}).fetchone()
            if row is None:
                break
            one.fill(connection, str(row[0]))
            connection.execute(statement("fill/done"), {"name": one.name, "unit": row[0]})
        yield _progress(connection, one.name)
    with connection.transaction():
        # Waits for another that plans or shows; then asks whether others are still at units of their own.
        connection.execute(statement("fill/lock_plan"), {"name": one.name})
        now = _progress(connection, one.name)
        if now.n_done == now.n_units and _is_pending(connection, one.name):
            one.show(connection)
            connection.execute(statement("fill/complete"), {"name": one.name})


def _is_pending(connection: psycopg.Connection, name: str) -> bool:
    return bool(connection.execute(statement("fill/is_pending"), {"name": name}).fetchall())


def _progress(connection: psycopg.Connection, name: str) -> Progress:
    row = connection.execute(statement("fill/progress"), {"name": name}).fetchone()
    return Progress(name, *(row or (0, 0)))
