"""An interval of a day, a month or a year ends where the calendar of its series says."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Replace the view, and say of the series so far whether they are of months or years."""
    run(script("step_0008/interval_energy"))
