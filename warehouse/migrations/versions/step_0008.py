"""An interval of a day, a month or a year ends where the calendar of its series says."""

from contextlib import closing

from alembic import op

from warehouse.statements import script

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the view, and say of the series so far whether they are of months or years."""
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(script("step_0008/interval_energy"))
