"""The first: catalogue, points, ledger, landing zone, budget and quarantine, and what TimescaleDB makes of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from warehouse.migrations import run
from warehouse.statements import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table, both hypertables, the two summaries of this edition, and the two roles."""
    _catalogue_and_points()
    _ledger()
    _landing_zone()
    run(script("step_0001/hypertables"))
    # The licence is read, never tried: on the Apache edition each of these settings is an error.
    is_community = op.get_bind().exec_driver_sql("SHOW timescaledb.license").scalar_one() == "timescale"
    run(script("step_0001/summaries_community" if is_community else "step_0001/summaries_apache"))
    run(script("step_0001/roles"))


def _catalogue_and_points() -> None:
    op.create_table(
        "series",
        sa.Column("series_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("provider_unit", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Interval(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "first_seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_series")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_series_source_key")),
        comment="The catalogue: one quantity of one device of one source.",
    )
    op.create_table(
        "measurement",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "measured_at", name=op.f("pk_measurement")),
        comment="Every number, in the canonical unit of its series. Hypertable.",
    )
    op.create_table(
        "state",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "measured_at", name=op.f("pk_state")),
        comment="Every value that is a text: a mode, a flag, a name. Hypertable.",
    )
    op.create_table(
        "measurement_revision",
        sa.Column("revision_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("text_value", sa.Text(), nullable=True),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("load_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "revised_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("change IN ('changed', 'removed')", name=op.f("ck_measurement_revision_change")),
        sa.CheckConstraint("num_nonnulls(value, text_value) = 1", name=op.f("ck_measurement_revision_one_value")),
        sa.PrimaryKeyConstraint("revision_id", name=op.f("pk_measurement_revision")),
        comment="What a value was before a later load changed or removed it, and which load did.",
    )
    op.create_index(op.f("ix_measurement_revision_load_id"), "measurement_revision", ["load_id"], unique=False)
    op.create_index(
        op.f("ix_measurement_revision_series_id_measured_at"),
        "measurement_revision",
        ["series_id", "measured_at"],
        unique=False,
    )


def _ledger() -> None:
    op.create_table(
        "load",
        sa.Column("load_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("sentence", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pull_id", sa.BigInteger(), nullable=True),
        sa.Column("payload_sha256s", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("n_series", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_received", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_inserted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_changed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_unchanged", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_rejected", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_duplicate", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_removed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_points", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("is_correction", sa.Boolean(), nullable=False),
        sa.Column("unmapped", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rejected_by_reason", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(
            "(status = 'failed') = (reason IS NOT NULL AND sentence IS NOT NULL)", name=op.f("ck_load_reason")
        ),
        sa.CheckConstraint(
            "status = 'failed' OR n_received = n_inserted + n_changed + n_unchanged + n_rejected + n_duplicate",
            name=op.f("ck_load_accounting"),
        ),
        sa.CheckConstraint("status IN ('committed', 'failed')", name=op.f("ck_load_status")),
        sa.PrimaryKeyConstraint("load_id", name=op.f("pk_load")),
        comment="The ledger: one row per committed load, and one per load that failed, with the reason.",
    )
    op.create_index(op.f("ix_load_source_window_start"), "load", ["source", "window_start"], unique=False)
    op.create_table(
        "rejected",
        sa.Column("rejected_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload_sha256", sa.Text(), nullable=False),
        sa.Column("raw_sha256", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("n_rows", sa.BigInteger(), nullable=False),
        sa.Column(
            "first_seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("first_load_id", sa.BigInteger(), nullable=False),
        sa.Column("last_load_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rejected_id", name=op.f("pk_rejected")),
        sa.UniqueConstraint(
            "source", "window_start", "window_end", "reason", "payload_sha256", "raw_sha256", name="uq_rejected_row"
        ),
        comment="Quarantined rows: raw text, reason, and the loads that saw them.",
    )
    op.create_table(
        "budget",
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n_taken", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("credential", name=op.f("pk_budget")),
        comment="The right to send a request: one bucket per credential, shared by every process.",
    )


def _landing_zone() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("pull_finish_number")))
    op.create_table(
        "pull",
        sa.Column("pull_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finish_number", sa.BigInteger(), nullable=True),
        sa.Column("abandoned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("n_requests", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_payloads", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("(finished_at IS NULL) = (finish_number IS NULL)", name=op.f("ck_pull_finished")),
        sa.CheckConstraint("num_nonnulls(finished_at, abandoned_at) <= 1", name=op.f("ck_pull_ended_once")),
        sa.PrimaryKeyConstraint("pull_id", name=op.f("pk_pull")),
        comment="One asking of one window. It counts once it is finished, and is continued unless it was abandoned.",
    )
    op.create_index(op.f("ix_pull_source_window_start"), "pull", ["source", "window_start"], unique=False)
    op.create_table(
        "payload",
        sa.Column("payload_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("pull_id", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("n_bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull.pull_id"], name=op.f("fk_payload_pull_id_pull"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("payload_id", name=op.f("pk_payload")),
        sa.UniqueConstraint("pull_id", "part", "page", name=op.f("uq_payload_pull_id_part_page")),
        comment="The index of the landing zone: which answer belongs to which pull, and where its bytes are.",
    )
    op.create_index(op.f("ix_payload_sha256"), "payload", ["sha256"], unique=False)
    op.create_table(
        "checkpoint",
        sa.Column("pull_id", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull.pull_id"], name=op.f("fk_checkpoint_pull_id_pull"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pull_id", "part", name=op.f("pk_checkpoint")),
        comment="Where an unfinished pull stands: per part the page landed last, and the state it left.",
    )
