"""By which limits the days of a source were judged."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the column. The next judging of flags fills it, and judges every day by the limits of then."""
    op.add_column("assessment", sa.Column("limits", sa.Text(), nullable=True))
