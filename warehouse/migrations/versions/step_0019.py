"""When a provider may be asked again is kept beside the budget, for every process."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "retry_after",
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("credential", "source", name=op.f("pk_retry_after")),
        comment="When a provider may be asked again: per credential, and which sources were held up by it.",
    )
    run(script("step_0019/grants"))
