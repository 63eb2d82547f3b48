"""What is implausible about a series' day."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Make the tables. Of the days that are there the last four weeks are to be judged."""
    op.create_table(
        "series_flag",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "day", "kind", name=op.f("pk_series_flag")),
        comment="What is implausible about a series on a UTC day, and what was seen.",
    )
    op.create_table(
        "unflagged_day",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "day", name=op.f("pk_unflagged_day")),
        comment="Days whose facts have changed since it was judged whether they are plausible.",
    )
    run(script("step_0026/grants"))
    run(script("step_0026/note_newest"))
