"""Intervals of registers are written by the loads; a warehouse without readings reads them from the start."""

from contextlib import closing

import sqlalchemy as sa
from alembic import op

from warehouse.statements import script

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


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
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(script("step_0010/register_interval"))
        cursor.execute("SELECT EXISTS (SELECT FROM series WHERE kind = 'register')")
        row = cursor.fetchone()
        if row is not None and not row[0]:
            cursor.execute(script("step_0010/register_energy"))
