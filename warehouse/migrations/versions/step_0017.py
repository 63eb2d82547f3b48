"""A day or month ends by the calendar of its zone where the zone's name is an abbreviation, too (CET, EET, EST …)."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Call such a zone by a name that can mean nothing else. The view asks the function, and is as it was."""
    run(script("step_0017/calendar_end"))
