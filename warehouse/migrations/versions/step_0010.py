"""Intervals of registers are written by the loads; a warehouse without readings reads them from the start."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the hypertable. Where there are registers already, the old view answers until their intervals are there."""
    op.create_table(
        "register_interval",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.Column("usual", sa.Double(), nullable=True),
        sa.Column("spacing", sa.Double(), nullable=True),
        sa.Column("flag", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "ended_at", name=op.f("pk_register_interval")),
        comment="What a register counted between two trusted readings. Hypertable; read as register_energy.",
    )
    run(script("step_0010/register_interval"))
    if not run("SELECT 1 FROM series WHERE kind = 'register' LIMIT 1"):
        run(script("step_0010/register_energy"))
