"""A day or month ends by the calendar of its zone where the zone's name is an abbreviation, too (CET, EET, EST …)."""

from contextlib import closing

from alembic import op

from warehouse.statements import script

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Call such a zone by a name that can mean nothing else. The view asks the function, and is as it was."""
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(script("step_0017/calendar_end"))
