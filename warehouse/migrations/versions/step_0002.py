"""Live streams: what they put and no load has confirmed, how far they are certain, and the gaps in between."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the three tables, and let the roles use them."""
    op.create_table(
        "live_point",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "measured_at", name=op.f("pk_live_point")),
        comment="Points that a live stream has put and no load has confirmed.",
    )
    op.create_table(
        "live_cover",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("covered_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "covered_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("source", "part", name=op.f("pk_live_cover")),
        comment="How far every part of a live stream is certain: written, or marked as a gap.",
    )
    op.create_table(
        "live_gap",
        sa.Column("gap_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("gap_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gap_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("load_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("gap_start < gap_end", name=op.f("ck_live_gap_span")),
        sa.CheckConstraint("(filled_at IS NULL) = (load_id IS NULL)", name=op.f("ck_live_gap_filled")),
        sa.PrimaryKeyConstraint("gap_id", name=op.f("pk_live_gap")),
        comment="Spans in which a live stream may have missed something, and the load that filled each.",
    )
    op.create_index(op.f("ix_live_gap_source_gap_start"), "live_gap", ["source", "gap_start"], unique=False)
    run(script("step_0002/live_roles"))
