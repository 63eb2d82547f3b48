"""What others have built upon views of ours that are to be replaced: named, and never dropped with them."""

from collections.abc import Sequence

import psycopg

from domain.errors import WarehouseUnsuitableError
from warehouse.statements import statement


def refuse_readers(connection: psycopg.Connection, views: Sequence[str], which: str) -> None:
    """Refuse to drop `views` of the schema `public` while anything of others reads them.

    Args:
        connection: Of the owner of the views.
        views: Their names.
        which: What they are and that they stay, for the sentence.

    Raises:
        WarehouseUnsuitableError: Views, continuous aggregates or functions of somebody read them.
    """
    names = {"names": [f"public.{name}" for name in views]}
    readers = [name for (name,) in connection.execute(statement("fill/readers"), names)]
    if readers:
        raise WarehouseUnsuitableError(
            f"the views {', '.join(readers)} read {which}",
            place=connection.info.dbname,
            fix="drop those views, run `joulehouse warehouse migrate`, and create them again over the same names",
        )
