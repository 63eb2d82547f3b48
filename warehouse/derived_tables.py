"""The tables of what is derived from points, by name and type; with `tables.py` and `shared_tables.py`, all of them.

A chunk of a hypertable is 7 days of `register_interval` (step 0010), and 28 days of the summaries (0013, 0014) and
`series_day` (0020).
"""

from typing import Final

import sqlalchemy as sa

from warehouse.shared_tables import METADATA
from warehouse.tables import INSTANT

__all__ = [
    "DERIVED",
    "DERIVED_UNIT",
    "METADATA",
    "REGISTER_INTERVAL",
    "REGISTER_LOCAL_DAY",
    "SERIES_DAY",
    "SUMMARY_DAILY",
    "SUMMARY_HOURLY",
    "SUMMARY_LOCAL_DAY",
]

REGISTER_INTERVAL: Final = sa.Table(
    "register_interval",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ended_at", INSTANT, primary_key=True),
    sa.Column("measured_at", INSTANT, nullable=False),
    sa.Column("amount", sa.Double, nullable=False),
    # What the interval was judged by: canonical units a second, and seconds between two readings.
    sa.Column("usual", sa.Double),
    sa.Column("spacing", sa.Double),
    sa.Column("flag", sa.Text, nullable=False),
    comment="What a register counted between two trusted readings. Hypertable; read as register_energy.",
)


def _figures() -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double, nullable=False) for name in ("minimum", "maximum", "total", "latest")]


SUMMARY_HOURLY: Final = sa.Table(
    "summary_hourly",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bucket_at", INSTANT, primary_key=True),
    sa.Column("n_points", sa.Integer, nullable=False),
    *_figures(),
    comment="What the numbers of an hour amount to, on days of more than 96 points. Hypertable.",
)

SUMMARY_DAILY: Final = sa.Table(
    "summary_daily",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bucket_at", INSTANT, primary_key=True),
    sa.Column("n_points", sa.Integer, nullable=False),
    *_figures(),
    comment="What the numbers of a UTC day amount to. Hypertable.",
)

SUMMARY_LOCAL_DAY: Final = sa.Table(
    "summary_local_day",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("local_date", sa.Date, primary_key=True),
    sa.Column("partition_at", INSTANT, primary_key=True),
    # The instant at which the local date begins, by the locked tzdata.
    sa.Column("bucket_at", INSTANT, nullable=False),
    sa.Column("n_points", sa.Integer, nullable=False),
    *_figures(),
    comment="What of a local day lies in one UTC day. Hypertable; read as measurement_local_daily.",
)

SERIES_DAY: Final = sa.Table(
    "series_day",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("found", sa.Integer, nullable=False),
    sa.Column("first_at", INSTANT),
    sa.Column("last_at", INSTANT),
    sa.Column("longest_gap_seconds", sa.Double),
    # Of numbers; texts have none.
    sa.Column("minimum", sa.Double),
    sa.Column("maximum", sa.Double),
    sa.Column("value_hash", sa.BigInteger),
    # Judged from facts (`warehouse/assessment.py`); null until then.
    sa.Column("expected", sa.Integer),
    sa.Column("verdict", sa.Text),
    sa.Column("since", INSTANT),
    comment="What a series has on a UTC day: facts, written by the load. Hypertable.",
)

UNASSESSED_DAY: Final = sa.Table(
    "unassessed_day",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("noted_at", INSTANT, nullable=False),
    comment="Days on which facts have changed since they were judged.",
)

ASSESSMENT: Final = sa.Table(
    "assessment",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("through", sa.Date, nullable=False),
    sa.Column("assessed_at", INSTANT, nullable=False),
    sa.Column("limits", sa.Text),  # by which its days were judged the last time
    comment="Until which day a source is judged.",
)

SERIES_LIFE: Final = sa.Table(
    "series_life",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("begun_at", INSTANT, nullable=False),
    sa.Column("last_at", INSTANT, nullable=False),
    # The first day of the silence that lasts, and of days on which points are still to come; null where there is none.
    sa.Column("silent_from", sa.Date),
    sa.Column("late_from", sa.Date),
    # What the series was judged by: resolution, zone, when it ended.
    sa.Column("judged_by", sa.Text, nullable=False),
    comment="When a series that has points began and spoke last, as it was judged.",
)

LATE_ARRIVAL: Final = sa.Table(
    "late_arrival",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("load_id", sa.BigInteger, primary_key=True),
    sa.Column("n_points", sa.Integer, nullable=False),
    sa.Column("late_seconds", sa.Double, nullable=False),
    comment="Points that came after the first answer of their day, and how long after it.",
)

SERIES_FLAG: Final = sa.Table(
    "series_flag",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("evidence", sa.Text, nullable=False),
    comment="What is implausible about a series on a UTC day, and what was seen.",
)

UNFLAGGED_DAY: Final = sa.Table(
    "unflagged_day",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("noted_at", INSTANT, nullable=False),
    comment="Days whose facts have changed since it was judged whether they are plausible.",
)

DERIVED: Final = sa.Table(
    "derived",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("planned_at", INSTANT),
    sa.Column("complete_at", INSTANT),
    comment="What loads write beside the points, and since when all of it is there.",
)

DERIVED_UNIT: Final = sa.Table(
    "derived_unit",
    METADATA,
    sa.Column("name", sa.Text, sa.ForeignKey("derived.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("filled_at", INSTANT),
    comment="The pieces in which a warehouse that had points before is filled, and which of them are done.",
)

REGISTER_LOCAL_DAY: Final = sa.Table(
    "register_local_day",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("local_date", sa.Date, primary_key=True),
    sa.Column("partition_at", INSTANT, primary_key=True),
    sa.Column("bucket_at", INSTANT, nullable=False),
    sa.Column("amount", sa.Double, nullable=False),
    sa.Column("n_intervals", sa.Integer, nullable=False),
    sa.Column("n_flagged", sa.Integer, nullable=False),
    comment="What a register counted of a local day in a UTC day. Hypertable; read as register_energy_local_daily.",
)
