"""What restatements changed, by series and day, as a view."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Make the view."""
    run(script("step_0024/measurement_change"))
    run(script("step_0024/grants"))
