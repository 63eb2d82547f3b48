"""Hours of series of few points are read series by series, without a look at the rest of their history."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Replace the view, unless the old one still answers: then the filling does it."""
    if not run("SELECT 1 FROM derived WHERE name = 'summaries' AND complete_at IS NULL"):
        run(script("step_0018/measurement_hourly"))
