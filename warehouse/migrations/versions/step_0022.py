"""Who was told of what, claimed by insert, and which process is at work."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "notification",
        sa.Column("notification_id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("culprit", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("over_at", sa.DateTime(timezone=True)),
        sa.Column("over_sent_at", sa.DateTime(timezone=True)),
        sa.Column("n_failed", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("failure", sa.Text()),
        sa.PrimaryKeyConstraint("notification_id", name=op.f("pk_notification")),
        comment="Who was told of which trouble: one row per trouble and recipient, claimed by insert.",
    )
    op.create_index(
        "ix_notification_lasting",
        "notification",
        ["key", "recipient"],
        unique=True,
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_index("ix_notification_recipient", "notification", ["recipient"])
    op.create_table(
        "heartbeat",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_heartbeat")),
        comment="When a process last said that it is at work.",
    )
    run(script("step_0022/grants"))
