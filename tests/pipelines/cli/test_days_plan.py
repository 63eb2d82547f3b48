"""`backfill` says before it begins how many requests it takes and how long at least, and afterwards what it took."""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.window import Window
from providers.voltstorage.account import AccountConfig
from sandbox.climkit.house import PRODUCER, SITE
from tests.fakes.dagster_stack import clone_of_the_house
from tests.providers.climkit.harness import FLAT, apartments
from tests.providers.voltstorage.harness import battery

FIRST, LAST = date(2025, 6, 1), date(2025, 6, 3)
SOURCE = f"""\
type: pipelines.components.ClimkitSource
attributes:
  description: "A house."
  first_day: "2025-01-01"
  sites: [{SITE}]
  meters: [{FLAT}, {PRODUCER}]
  has_site_totals: false
  has_registers: false
  has_sensors: false
  base_url_env: NORTH_URL
  username_env: NORTH_USERNAME
  password_env: NORTH_PASSWORD
"""


def said(database: str, folder: Path, url: str, username: str, password: str) -> subprocess.CompletedProcess[str]:
    """What `joulehouse backfill` says of three days, from a house with this one source."""
    clone = clone_of_the_house(folder / "house", {"north": SOURCE})
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "backfill", "north"]
    variables = {"NORTH_URL": url, "NORTH_USERNAME": username, "NORTH_PASSWORD": password}
    return subprocess.run(
        [*command, "--from", str(FIRST), "--to", str(LAST)],
        cwd=clone,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(clone),
            "JOULEHOUSE_HOME": str(folder / "home"),
            "WAREHOUSE_URL": database,
            "LANDING_URL": str(folder / "landing"),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.timeout(150)
def test_the_plan_is_said_before_and_what_the_ledger_counted_after(database: str, tmp_path: Path) -> None:
    with apartments(requests_per_second=1.0) as made:
        settings = made.twin.settings
        done = said(database, tmp_path, made.sandbox.url_of("climkit"), settings.username, settings.password)
        n_asked = len(made.asked())
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    # Two lists and two meters; the plan asks for the lists itself, and logs in.
    assert first == "north: 3 days in 1 pull, 4 requests planned, at least 0:00:04 at 1 a second."
    assert any(line.startswith("north: 4 requests planned, 4 in the ledger;") for line in lines)
    assert n_asked == 2 + 4


@pytest.mark.timeout(150)
def test_a_plan_that_cannot_be_made_is_said_and_the_days_say_why(database: str, tmp_path: Path) -> None:
    with apartments() as made:
        done = said(database, tmp_path, made.sandbox.url_of("climkit"), made.twin.settings.username, "wrong")
    assert done.returncode == 1
    assert done.stderr.startswith("joulehouse: no plan can be made (CredentialsRejectedError).")
    assert f"{FIRST} failed (CredentialsRejectedError)" in done.stderr
    assert "planned" not in done.stdout


def test_a_battery_can_be_planned_for_the_day_a_month_begins_included() -> None:
    account = AccountConfig(statistics=("hour", "month"))
    windows = [Window.of_days(FIRST - timedelta(days=2), FIRST), Window.of_day(LAST)]
    with battery(account=account, products_per_page=1) as home:
        planned = home.provider.plan(windows)
        n_before = home.clients[0].n_requests
        for window in windows:
            list(home.provider.fetch(window, {}))
        n_sent = home.clients[0].n_requests - n_before
    assert planned == n_sent > 20
