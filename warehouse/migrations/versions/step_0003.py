"""The ledger of export jobs: what a provider was asked to prepare, and how far it has come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from warehouse.migrations import run
from warehouse.statements import script

revision = "0003"
down_revision = "0002"

_STATES = "state IN ('intended', 'pending', 'completed', 'landed', 'refused', 'failed', 'lost')"


def upgrade() -> None:
    """Make the table, and let the roles use it."""
    op.create_table(
        "export_job",
        sa.Column("export_job_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("provider_job", sa.Text(), nullable=True),
        sa.Column("provider_state", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("n_polls", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("archive_sha256", sa.Text(), nullable=True),
        sa.Column("archive_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sentence", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "ordered_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(_STATES, name=op.f("ck_export_job_state")),
        sa.CheckConstraint("state <> 'pending' OR provider_job IS NOT NULL", name=op.f("ck_export_job_named")),
        sa.PrimaryKeyConstraint("export_job_id", name=op.f("pk_export_job")),
        comment="Jobs that a provider was asked for: request, name there, state, and the hash of the archive.",
    )
    op.create_index(op.f("ix_export_job_tenant_request_sha256"), "export_job", ["tenant", "request_sha256"])
    op.create_index(
        "ix_export_job_alive",
        "export_job",
        ["tenant"],
        postgresql_where=sa.text("state IN ('intended', 'pending')"),
    )
    run(script("step_0003/export_job_roles"))
