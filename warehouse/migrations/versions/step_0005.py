"""Sessions that load take on the role of a loader: whoever brings the schema up to date may."""

from contextlib import closing

from alembic import op

from warehouse.statements import script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Grant the role."""
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(script("step_0005/loader_sessions"))
