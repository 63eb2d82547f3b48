"""Who holds which run: a lease that is renewed while the run is at work."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "run_lease",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lost_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_lease")),
        comment="Which process works on which run, when it last said so, and when that was given up.",
    )
    run(script("step_0027/grants"))
