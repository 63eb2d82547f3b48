"""The tables, by name and type. The migrations make them; a test holds the two together.

No table has a foreign key to `series` where points are kept: a check per row would halve the speed of a load, and the
loader alone writes there, with numbers it has just read from the catalogue.

A chunk of a hypertable is 7 days of `measurement` and `state` (step 0001). What processes agree upon is in
`shared_tables.py`, what is derived from points in `derived_tables.py`, whose `METADATA` has all tables.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

INSTANT: Final = sa.DateTime(timezone=True)
"""The type of an instant."""
NOW: Final = sa.text("clock_timestamp()")


def count(name: str) -> sa.Column[int]:
    """A column that counts, from 0 on."""
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))


SERIES: Final = sa.Table(
    "series",
    METADATA,
    sa.Column("series_id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("quantity", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("provider_unit", sa.Text, nullable=False),
    sa.Column("resolution", sa.Interval),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("labels", JSONB, nullable=False),
    sa.Column("first_seen_at", INSTANT, nullable=False, server_default=NOW),
    sa.Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    sa.Column("copy_of", sa.Integer),  # the series that says the same, of which this one is derived
    sa.UniqueConstraint("source", "key"),
    comment="The catalogue: one quantity of one device of one source.",
)

MEASUREMENT: Final = sa.Table(
    "measurement",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("measured_at", INSTANT, primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
    comment="Every number, in the canonical unit of its series. Hypertable.",
)

STATE: Final = sa.Table(
    "state",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("measured_at", INSTANT, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    comment="Every value that is a text: a mode, a flag, a name. Hypertable.",
)

MEASUREMENT_REVISION: Final = sa.Table(
    "measurement_revision",
    METADATA,
    sa.Column("revision_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("series_id", sa.Integer, nullable=False),
    sa.Column("measured_at", INSTANT, nullable=False),
    sa.Column("value", sa.Double),
    sa.Column("text_value", sa.Text),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("load_id", sa.BigInteger, nullable=False),
    sa.Column("revised_at", INSTANT, nullable=False, server_default=NOW),
    sa.CheckConstraint("change IN ('changed', 'removed')", name="change"),
    sa.CheckConstraint("num_nonnulls(value, text_value) = 1", name="one_value"),
    sa.Index(None, "series_id", "measured_at"),
    sa.Index(None, "load_id"),
    comment="What a value was before a later load changed or removed it, and which load did.",
)

LOAD: Final = sa.Table(
    "load",
    METADATA,
    sa.Column("load_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("sentence", sa.Text),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("window_start", INSTANT, nullable=False),
    sa.Column("window_end", INSTANT, nullable=False),
    sa.Column("pull_id", sa.BigInteger),
    sa.Column("payload_sha256s", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    *(
        count(name)
        for name in (
            "n_series",
            "n_received",
            "n_inserted",
            "n_changed",
            "n_unchanged",
            "n_rejected",
            "n_duplicate",
            "n_removed",
            "n_points",
        )
    ),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("code_version", sa.Text, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("is_correction", sa.Boolean, nullable=False),
    sa.Column("unmapped", JSONB, nullable=False),
    sa.Column("rejected_by_reason", JSONB, nullable=False),
    sa.Column("loaded_at", INSTANT, nullable=False, server_default=NOW),
    # Sites that the provider was proven to hold nothing of any more, and that had points until this load.
    sa.Column("withdrawn", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.CheckConstraint("status IN ('committed', 'failed')", name="status"),
    sa.CheckConstraint("(status = 'failed') = (reason IS NOT NULL AND sentence IS NOT NULL)", name="reason"),
    # The accounting identity, a second time: the loader checks it with a sentence, the table without one.
    sa.CheckConstraint(
        "status = 'failed' OR n_received = n_inserted + n_changed + n_unchanged + n_rejected + n_duplicate",
        name="accounting",
    ),
    sa.Index(None, "source", "window_start"),
    comment="The ledger: one row per committed load, and one per load that failed, with the reason.",
)

JUDGED_DAY: Final = sa.Table(
    "judged_day",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    # The load that made the day what was judged; 0 where its verdicts are others since.
    sa.Column("load_id", sa.BigInteger, nullable=False),
    sa.Column("suspect", sa.Text),
    sa.Column("confirmed_at", INSTANT),
    sa.CheckConstraint("confirmed_at IS NULL OR suspect IS NOT NULL", name="confirmed"),
    comment="Loaded days, judged by their counts: why a day is suspect, and whether a person confirmed it.",
)

PULL: Final = sa.Table(
    "pull",
    METADATA,
    sa.Column("pull_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("window_start", INSTANT, nullable=False),
    sa.Column("window_end", INSTANT, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("started_at", INSTANT, nullable=False, server_default=NOW),
    sa.Column("finished_at", INSTANT),
    # Instants may tie, and clocks may be set back: numbers drawn while finishing say which pull is newer.
    sa.Column("finish_number", sa.BigInteger),
    sa.Column("abandoned_at", INSTANT),
    count("n_requests"),
    count("n_bytes"),
    count("n_payloads"),
    sa.CheckConstraint("(finished_at IS NULL) = (finish_number IS NULL)", name="finished"),
    sa.CheckConstraint("num_nonnulls(finished_at, abandoned_at) <= 1", name="ended_once"),
    sa.Index(None, "source", "window_start"),
    comment="One asking of one window. It counts once it is finished, and is continued unless it was abandoned.",
)

PULL_FINISH_NUMBER: Final = sa.Sequence("pull_finish_number", metadata=METADATA)

PAYLOAD: Final = sa.Table(
    "payload",
    METADATA,
    sa.Column("payload_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("pull_id", sa.BigInteger, sa.ForeignKey("pull.pull_id", ondelete="CASCADE"), nullable=False),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("page", sa.Integer, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("params", JSONB, nullable=False),
    sa.Column("window_start", INSTANT, nullable=False),
    sa.Column("window_end", INSTANT, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("n_bytes", sa.BigInteger, nullable=False),
    sa.Column("received_at", INSTANT, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.UniqueConstraint("pull_id", "part", "page"),
    sa.Index(None, "sha256"),
    comment="The index of the landing zone: which answer belongs to which pull, and where its bytes are.",
)

LANDING_ZONE: Final = sa.Table(
    "landing_zone",
    METADATA,
    sa.Column("zone_id", sa.Text, primary_key=True),
    sa.Column("is_current", sa.Boolean, nullable=False),
    sa.Column("known_since", INSTANT, nullable=False, server_default=NOW),
    sa.Index(None, "is_current", unique=True, postgresql_where=sa.text("is_current")),
    comment="The landing zones that there were, by the ids they hold, and the one that answers are kept in.",
)

CHECKPOINT: Final = sa.Table(
    "checkpoint",
    METADATA,
    sa.Column("pull_id", sa.BigInteger, sa.ForeignKey("pull.pull_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("page", sa.Integer, nullable=False),
    sa.Column("cursor", sa.Text),
    sa.Column("moved_at", INSTANT, nullable=False, server_default=NOW),
    comment="Where an unfinished pull stands: per part the page landed last, and the state it left.",
)

REJECTED: Final = sa.Table(
    "rejected",
    METADATA,
    sa.Column("rejected_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("window_start", INSTANT, nullable=False),
    sa.Column("window_end", INSTANT, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("payload_sha256", sa.Text, nullable=False),
    sa.Column("raw_sha256", sa.Text, nullable=False),
    sa.Column("raw", sa.Text, nullable=False),
    sa.Column("n_rows", sa.BigInteger, nullable=False),
    sa.Column("first_seen_at", INSTANT, nullable=False, server_default=NOW),
    sa.Column("last_seen_at", INSTANT, nullable=False, server_default=NOW),
    sa.Column("first_load_id", sa.BigInteger, nullable=False),
    sa.Column("last_load_id", sa.BigInteger, nullable=False),
    sa.Column("series_key", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.UniqueConstraint(
        "source",
        "window_start",
        "window_end",
        "reason",
        "payload_sha256",
        "raw_sha256",
        "series_key",
        name="uq_rejected_row",
    ),
    comment="Quarantined rows: raw text, reason, series where known, and the loads that saw them.",
)

LIVE_POINT: Final = sa.Table(
    "live_point",
    METADATA,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("measured_at", INSTANT, primary_key=True),
    comment="Points that a live stream has put and no load has confirmed.",
)

LIVE_COVER: Final = sa.Table(
    "live_cover",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("covered_until", INSTANT, nullable=False),
    sa.Column("covered_at", INSTANT, nullable=False, server_default=NOW),
    comment="How far every part of a live stream is certain: written, or marked as a gap.",
)

LIVE_GAP: Final = sa.Table(
    "live_gap",
    METADATA,
    sa.Column("gap_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("gap_start", INSTANT, nullable=False),
    sa.Column("gap_end", INSTANT, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("marked_at", INSTANT, nullable=False, server_default=NOW),
    sa.Column("filled_at", INSTANT),
    sa.Column("load_id", sa.BigInteger),
    count("n_failed"),
    sa.Column("failure", sa.Text),
    sa.Column("next_try_at", INSTANT),
    sa.CheckConstraint("gap_start < gap_end", name="span"),
    sa.CheckConstraint("(filled_at IS NULL) = (load_id IS NULL)", name="filled"),
    sa.Index(None, "source", "gap_start"),
    comment="Spans in which a live stream may have missed something, and the load that filled each.",
)
