"""Local days of registers are written by the loads, beside their intervals."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the table. Where there are registers already, they are filled once more: with their days."""
    op.create_table(
        "register_local_day",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("partition_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bucket_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.Column("n_intervals", sa.Integer(), nullable=False),
        sa.Column("n_flagged", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "local_date", "partition_at", name=op.f("pk_register_local_day")),
        comment="What a register counted of a local day in a UTC day. Hypertable; read as register_energy_local_daily.",
    )
    run(script("step_0014/register_local_day"))
    # Somebody may have a view on the view of step 0013: then it stays until the filling has said so.
    readers = run(script("fill/readers"), {"names": ["public.register_energy_local_daily"]})
    if readers or run("SELECT 1 FROM series WHERE kind = 'register' LIMIT 1"):
        run("UPDATE derived SET planned_at = NULL, complete_at = NULL WHERE name = 'registers'")
        run("DELETE FROM derived_unit WHERE name = 'registers'")
    else:
        run(script("step_0014/register_local_view"))
