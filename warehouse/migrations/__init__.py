"""Steps of the schema. Each is reviewed, is one sentence, and is never edited once it has been released.

Belongs here: alembic's environment and `versions/`, each step with the SQL that it runs beside it. Never here: anything
that reads or writes points.
"""

from contextlib import closing
from typing import Any

from alembic import op


def run(query: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Run SQL on the driver's own connection, since SQLAlchemy would take its % for a parameter; the rows, if any."""
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall()) if cursor.description is not None else []
