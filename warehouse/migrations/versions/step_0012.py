"""A rejected row says which series it belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column. Of rows that are there nobody can tell; a load that rejects them again does."""
    op.add_column("rejected", sa.Column("series_key", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_table_comment(
        "rejected",
        "Quarantined rows: raw text, reason, series where known, and the loads that saw them.",
        existing_comment="Quarantined rows: raw text, reason, and the loads that saw them.",
    )
