"""Local days of registers are written by the loads, beside their intervals."""

from contextlib import closing

import sqlalchemy as sa
from alembic import op

from warehouse.statements import script

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


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
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(script("step_0014/register_local_day"))
        cursor.execute("SELECT EXISTS (SELECT FROM series WHERE kind = 'register')")
        row = cursor.fetchone()
        # Somebody may have a view on the view of step 0013: then it stays until the filling has said so.
        cursor.execute(script("fill/readers"), {"names": ["public.register_energy_local_daily"]})
        if cursor.fetchall() or (row is not None and row[0]):
            cursor.execute("UPDATE derived SET planned_at = NULL, complete_at = NULL WHERE name = 'registers'")
            cursor.execute("DELETE FROM derived_unit WHERE name = 'registers'")
        else:
            cursor.execute(script("step_0014/register_local_view"))
