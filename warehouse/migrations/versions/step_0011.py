"""What is no name of a time zone leaves the catalogue, and no zone of one series fails the view of all of them."""

import sqlalchemy as sa
from alembic import op

from domain.zones import zone_names
from warehouse.migrations import run
from warehouse.statements import script

revision = "0011"
down_revision = "0010"

_REFUSE = """
UPDATE series SET labels = labels || jsonb_build_object('refused_zone', time_zone), time_zone = 'UTC'
WHERE time_zone <> ALL (:names)
"""


def upgrade() -> None:
    """Name what was said in the label `refused_zone`; days are those of UTC until the catalogue says better."""
    op.get_bind().execute(sa.text(_REFUSE), {"names": sorted(zone_names())})
    run(script("step_0011/calendar_end"))
