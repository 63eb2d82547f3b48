"""Which series say what another one says."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Add the column. The next judging of flags fills it."""
    op.add_column("series", sa.Column("copy_of", sa.Integer(), nullable=True))
