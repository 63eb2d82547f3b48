"""Facts of every series and day are written by the loads."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make the table. Where there are points already, `joulehouse warehouse migrate` fills it."""
    op.create_table(
        "series_day",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("longest_gap_seconds", sa.Double(), nullable=True),
        sa.Column("minimum", sa.Double(), nullable=True),
        sa.Column("maximum", sa.Double(), nullable=True),
        sa.Column("value_hash", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("series_id", "day", name=op.f("pk_series_day")),
        comment="What a series has on a UTC day: facts, written by the load. Hypertable.",
    )
    run(script("step_0020/series_day"))
    run(
        "INSERT INTO derived (name, complete_at) SELECT 'series_days', CASE WHEN NOT EXISTS (SELECT FROM measurement)"
        " AND NOT EXISTS (SELECT FROM state) THEN clock_timestamp() END"
    )
