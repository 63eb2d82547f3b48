"""Summaries are written by the loads; a warehouse without points reads them from the start."""

import sqlalchemy as sa
from alembic import op

from warehouse.migrations import run
from warehouse.statements import script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the tables. Where there are points already, the old views answer until their summaries are there."""
    for name, comment in (
        ("hourly", "What the numbers of an hour amount to, on days of more than 96 points. Hypertable."),
        ("daily", "What the numbers of a UTC day amount to. Hypertable."),
    ):
        op.create_table(
            f"summary_{name}",
            sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("bucket_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("n_points", sa.Integer(), nullable=False),
            *_figures(),
            sa.PrimaryKeyConstraint("series_id", "bucket_at", name=op.f(f"pk_summary_{name}")),
            comment=comment,
        )
    op.create_table(
        "summary_local_day",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("partition_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bucket_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n_points", sa.Integer(), nullable=False),
        *_figures(),
        sa.PrimaryKeyConstraint("series_id", "local_date", "partition_at", name=op.f("pk_summary_local_day")),
        comment="What of a local day lies in one UTC day. Hypertable; read as measurement_local_daily.",
    )
    op.create_table(
        "derived",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("complete_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_derived")),
        comment="What loads write beside the points, and since when all of it is there.",
    )
    op.create_table(
        "derived_unit",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["name"], ["derived.name"], name=op.f("fk_derived_unit_name_derived"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("name", "unit", name=op.f("pk_derived_unit")),
        comment="The pieces in which a warehouse that had points before is filled, and which of them are done.",
    )
    _views()


def _views() -> None:
    run(script("step_0013/summary_tables"))
    run(script("step_0013/register_energy_local_daily"))
    # The intervals of step 0010 are filled in the same way: after the summaries, a register at a time.
    run(
        "INSERT INTO derived (name, complete_at) SELECT 'registers',"
        " CASE WHEN NOT EXISTS (SELECT FROM series WHERE kind = 'register') THEN clock_timestamp() END"
    )
    # On the community edition they are continuous aggregates so far. Somebody may have a view on an empty one, too:
    # then they stay until the filling has said so.
    aggregates = [view for (view,) in run(script("fill/aggregates"))]
    readers = run(script("fill/readers"), {"names": [f"public.{view}" for view in aggregates]})
    if readers or run("SELECT 1 FROM measurement LIMIT 1"):
        run("INSERT INTO derived (name) VALUES ('summaries')")
        return
    for view in aggregates:
        run(f"DROP MATERIALIZED VIEW {view}")
    run(script("step_0013/summary_views"))
    run(script("step_0013/summary_local_views"))
    run("INSERT INTO derived (name, complete_at) VALUES ('summaries', clock_timestamp())")


def _figures() -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double(), nullable=False) for name in ("minimum", "maximum", "total", "latest")]
