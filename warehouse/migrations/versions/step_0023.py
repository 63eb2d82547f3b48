"""Series and days are judged from their facts, and late points are remembered."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make the columns and the tables. Every day that has facts is to be judged."""
    instant = sa.DateTime(timezone=True)
    for column in (sa.Column("expected", sa.Integer()), sa.Column("verdict", sa.Text()), sa.Column("since", instant)):
        op.add_column("series_day", column)
    op.create_table(
        "unassessed_day",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("noted_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("source", "day", name=op.f("pk_unassessed_day")),
        comment="Days on which facts have changed since they were judged.",
    )
    op.create_table(
        "assessment",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("through", sa.Date(), nullable=False),
        sa.Column("assessed_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_assessment")),
        comment="Until which day a source is judged.",
    )
    op.create_table(
        "series_life",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begun_at", instant, nullable=False),
        sa.Column("last_at", instant, nullable=False),
        sa.Column("silent_from", sa.Date(), nullable=True),
        sa.Column("late_from", sa.Date(), nullable=True),
        sa.Column("judged_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_series_life")),
        comment="When a series that has points began and spoke last, as it was judged.",
    )
    op.create_table(
        "late_arrival",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("load_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_points", sa.Integer(), nullable=False),
        sa.Column("late_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "day", "load_id", name=op.f("pk_late_arrival")),
        comment="Points that came after the first answer of their day, and how long after it.",
    )
    run(script("step_0023/grants"))
    run(script("step_0023/note_all"))
