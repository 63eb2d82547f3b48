"""The database refuses what a process of another release writes that has outlived a migration."""

from contextlib import closing

from alembic import op

from warehouse.statements import script

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Compare, wherever a process of ours writes, the step that it knows with the one that the schema is at."""
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(script("step_0016/refuse_other_releases"))
