"""A gap that could not be filled says why, how often that was so, and when it is tried again."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the three columns; every gap so far is due at once."""
    op.add_column("live_gap", sa.Column("n_failed", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("live_gap", sa.Column("failure", sa.Text(), nullable=True))
    op.add_column("live_gap", sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True))
