"""Sessions that load take on the role of a loader: whoever brings the schema up to date may."""

from warehouse.migrations import run
from warehouse.statements import script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Grant the role."""
    run(script("step_0005/loader_sessions"))
