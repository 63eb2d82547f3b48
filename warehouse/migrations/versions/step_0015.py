"""A text that two series have alike is a rejected row of each."""

from alembic import op

revision = "0015"
down_revision = "0014"

_ROW = ("source", "window_start", "window_end", "reason", "payload_sha256", "raw_sha256")


def upgrade() -> None:
    """Make the series a part of what a row is. Rows that are there stay as they are until they are seen again."""
    # No index bears a name of any length; the loader cuts longer ones, too.
    op.execute("UPDATE rejected SET series_key = left(series_key, 500) WHERE length(series_key) > 500")
    op.drop_constraint("uq_rejected_row", "rejected", type_="unique")
    op.create_unique_constraint("uq_rejected_row", "rejected", [*_ROW, "series_key"])
