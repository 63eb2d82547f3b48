"""Days that have been judged, and those that are suspect, are kept beside the ledger."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make the table. Days that were loaded before are judged when somebody next asks the ledger."""
    op.create_table(
        "judged_day",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("load_id", sa.BigInteger(), nullable=False),
        sa.Column("suspect", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("confirmed_at IS NULL OR suspect IS NOT NULL", name=op.f("ck_judged_day_confirmed")),
        sa.PrimaryKeyConstraint("source", "day", name=op.f("pk_judged_day")),
        comment="Loaded days, judged by their counts: why a day is suspect, and whether a person confirmed it.",
    )
    run(script("step_0021/grants"))
