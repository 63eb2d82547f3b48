"""Which landing zone the answers are kept in."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Make the table. The next pull says which zone it is."""
    op.create_table(
        "landing_zone",
        sa.Column("zone_id", sa.Text(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column(
            "known_since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("zone_id", name=op.f("pk_landing_zone")),
        comment="The landing zones that there were, by the ids they hold, and the one that answers are kept in.",
    )
    op.create_index(
        op.f("ix_landing_zone_is_current"),
        "landing_zone",
        ["is_current"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )
    run(script("step_0029/grants"))
