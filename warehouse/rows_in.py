"""How rows get into a table: by binary COPY, in one place: a server without COPY can be fed by INSERT there."""

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import sql

from warehouse.copy_binary import HEADER, TRAILER


def send_rows(
    connection: psycopg.Connection,
    target: sql.Composable,
    columns: Sequence[str],
    blocks: Iterable[bytes | memoryview],
) -> int:
    """Put rows into a table.

    Args:
        connection: In a transaction.
        target: The table.
        columns: Its columns, in the order in which the rows have them.
        blocks: Rows as binary COPY wants them, without header and trailer.

    Returns:
        How many the server counted.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    with connection.cursor() as cursor:
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(target, names)) as copy:
            copy.write(HEADER)
            for block in blocks:
                copy.write(block)
            copy.write(TRAILER)
        return cursor.rowcount
