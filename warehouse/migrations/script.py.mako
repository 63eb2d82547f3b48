"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """One sentence: what this step makes true."""
    ${upgrades if upgrades else "pass"}
