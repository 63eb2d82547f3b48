"""The database refuses what a process of another release writes that has outlived a migration."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Compare, wherever a process of ours writes, the step that it knows with the one that the schema is at."""
    run(script("step_0016/refuse_other_releases"))
