"""What restatements changed within a span of time, without reading all points."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Make the function; everybody may call it who may read what it reads."""
    run(script("step_0025/measurement_changes"))
