"""An order that may be on its way is told apart from one that is only intended."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_STATES = "state IN ('intended', 'sent', 'pending', 'completed', 'landed', 'refused', 'failed', 'lost')"


def upgrade() -> None:
    """Allow the state. So far an intention may have been sent: those that stand are looked upon as if they were."""
    op.drop_constraint(op.f("ck_export_job_state"), "export_job", type_="check")
    op.create_check_constraint(op.f("ck_export_job_state"), "export_job", _STATES)
    op.execute("UPDATE export_job SET state = 'sent' WHERE state = 'intended'")
    op.drop_index("ix_export_job_alive", "export_job")
    op.create_index(
        "ix_export_job_alive",
        "export_job",
        ["tenant"],
        postgresql_where=sa.text("state IN ('intended', 'sent', 'pending')"),
    )
