"""The database refuses what a run still writes that was given up."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Look at its lease wherever a run says that a day is loaded, that a pull is whole, or that a job is ordered."""
    run(script("step_0028/refuse_lost_runs"))
