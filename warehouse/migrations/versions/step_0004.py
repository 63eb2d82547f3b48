"""Energy by interval: registers made into intervals with what happened to the counter, and flagged validated ones."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the two views, and let the roles read them."""
    run(script("step_0004/energy"))
