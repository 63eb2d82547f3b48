"""A hub of the sandbox as a source of a checkout that a real Dagster runs."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

import dagster as dg

from assets.source import measurements_key, payloads_key
from sandbox.running import Sandbox

PRODUCT: Final = "audicharginghub_batteriedaten_analysis_batteriedaten_grid"
FIRST: Final = date(2026, 1, 1)
GRID: Final = dg.DailyPartitionsDefinition(str(FIRST), timezone="UTC")
BOTH: Final = [payloads_key("north"), measurements_key("north")]


def days(n_days: int) -> list[str]:
    """The first days that the hub has."""
    return [str(FIRST + timedelta(days=n)) for n in range(n_days)]


def hub(name: str) -> str:
    """Its `defs.yaml`; its client is in the variables `<NAME>_CLIENT_ID` and `<NAME>_CLIENT_SECRET`."""
    return f"""\
type: pipelines.components.ExportServiceSource
attributes:
  description: "A hub."
  first_day: "{FIRST}"
  organization: audicharginghub
  products: [{PRODUCT}]
  base_url_env: SANDBOX_URL
  client_id_env: {name.upper()}_CLIENT_ID
  client_secret_env: {name.upper()}_CLIENT_SECRET
"""


def environment(clone: Path, folder: Path, database: str, sandbox: Sandbox) -> dict[str, str]:
    """The variables of a checkout with the hub `north`.

    Args:
        clone: The checkout.
        folder: Of the test: its landing zone and its home are below.
        database: The warehouse's URL.
        sandbox: Where the hub is.
    """
    return {
        "PYTHONPATH": str(clone),
        "WAREHOUSE_URL": database,
        "LANDING_URL": str(folder / "landing"),
        "JOULEHOUSE_HOME": str(folder / "home"),
        "SANDBOX_URL": sandbox.url,
        "NORTH_CLIENT_ID": sandbox.client_id,
        "NORTH_CLIENT_SECRET": sandbox.client_secret,
    }
