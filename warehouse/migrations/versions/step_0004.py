"""Energy by interval: registers made into intervals with what happened to the counter, and flagged validated ones."""

from contextlib import closing

from alembic import op

from warehouse.statements import script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two views, and let the roles read them."""
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(script("step_0004/energy"))
