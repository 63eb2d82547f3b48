"""The tables by which processes agree: who may ask a provider, who has told whom, who works on what."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from warehouse.tables import INSTANT, METADATA, NOW, count

__all__ = ["BUDGET", "EXPORT_JOB", "HEARTBEAT", "METADATA", "NOTIFICATION", "RETRY_AFTER", "RUN_LEASE"]

BUDGET: Final = sa.Table(
    "budget",
    METADATA,
    sa.Column("credential", sa.Text, primary_key=True),
    sa.Column("next_at", INSTANT, nullable=False),
    count("n_taken"),
    comment="The right to send a request: one bucket per credential, shared by every process.",
)

RETRY_AFTER: Final = sa.Table(
    "retry_after",
    METADATA,
    sa.Column("credential", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("not_before", INSTANT, nullable=False),
    comment="When a provider may be asked again: per credential, and which sources were held up by it.",
)

NOTIFICATION: Final = sa.Table(
    "notification",
    METADATA,
    sa.Column("notification_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("culprit", sa.Text, nullable=False),
    sa.Column("since", INSTANT, nullable=False),
    sa.Column("first_seen_at", INSTANT, nullable=False),
    sa.Column("claimed_until", INSTANT, nullable=False),
    sa.Column("sent_at", INSTANT),
    sa.Column("over_at", INSTANT),
    sa.Column("over_sent_at", INSTANT),
    count("n_failed"),
    sa.Column("failure", sa.Text),
    sa.Index("ix_notification_lasting", "key", "recipient", unique=True, postgresql_where=sa.text("over_at IS NULL")),
    sa.Index(None, "recipient"),
    comment="Who was told of which trouble: one row per trouble and recipient, claimed by insert.",
)

HEARTBEAT: Final = sa.Table(
    "heartbeat",
    METADATA,
    sa.Column("process", sa.Text, primary_key=True),
    sa.Column("beat_at", INSTANT, nullable=False),
    comment="When a process last said that it is at work.",
)

RUN_LEASE: Final = sa.Table(
    "run_lease",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("claimed_at", INSTANT, nullable=False),
    sa.Column("renewed_at", INSTANT, nullable=False),
    sa.Column("lost_at", INSTANT),
    comment="Which process works on which run, when it last said so, and when that was given up.",
)

EXPORT_JOB: Final = sa.Table(
    "export_job",
    METADATA,
    sa.Column("export_job_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("window_start", INSTANT, nullable=False),
    sa.Column("window_end", INSTANT, nullable=False),
    sa.Column("request", JSONB, nullable=False),
    sa.Column("request_sha256", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("provider_job", sa.Text),
    sa.Column("provider_state", sa.Text, nullable=False, server_default=sa.text("''")),
    count("n_polls"),
    sa.Column("archive_sha256", sa.Text),
    sa.Column("archive_bytes", sa.BigInteger),
    sa.Column("sentence", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("ordered_at", INSTANT, nullable=False, server_default=NOW),
    sa.Column("seen_at", INSTANT, nullable=False, server_default=NOW),
    sa.CheckConstraint(
        "state IN ('intended', 'sent', 'pending', 'completed', 'landed', 'refused', 'failed', 'lost')", name="state"
    ),
    sa.CheckConstraint("state <> 'pending' OR provider_job IS NOT NULL", name="named"),
    sa.Index(None, "tenant", "request_sha256"),
    sa.Index("ix_export_job_alive", "tenant", postgresql_where=sa.text("state IN ('intended', 'sent', 'pending')")),
    comment="Jobs that a provider was asked for: request, name there, state, and the hash of the archive.",
)
