"""The ledger says which sites a load withdrew."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; no load before this one withdrew anything."""
    op.add_column(
        "load",
        sa.Column("withdrawn", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
