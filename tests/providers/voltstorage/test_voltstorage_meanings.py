"""What VoltStorage's numbers are, and how finely and widely they are asked for."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from domain.measurement import concat
from domain.window import Window
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.normalize import normalize
from sandbox.voltstorage.twin import EXPORT_CSV
from tests.providers.voltstorage.harness import ACCOUNT, battery, points_of, summed_up
from warehouse.store import open_warehouse

DAY = Window.of_day(date(2020, 3, 22))
BEGIN = 1584835200  # as in the document


def test_columns_are_what_a_client_that_works_takes_them_for() -> None:
    with battery() as home:
        kinds = {one.labels["field"]: (one.quantity, one.provider_unit) for one in home.load().series}
    power = ("power", "W")
    assert kinds == {
        "Power_Grid": power, "Power_Household": power, "Power_PV": power, "inverterPower": power,
        "Power_Power Electronics": power, "SOC_State of Charge": ("state_of_charge", "1"),
    }  # fmt: skip


def test_more_digits_are_asked_for_than_the_providers_default_of_six() -> None:
    with battery() as home:
        home.fetch()
        assert {entry["query"]["precision"] for entry in home.asked(EXPORT_CSV)} == {"9"}


def test_days_are_asked_for_one_at_a_time() -> None:
    account = replace(ACCOUNT, export_fields=("Power_PV",), tolerance=1.0)
    with battery(account=account) as home:
        home.fetch(Window.of_days(date(2025, 6, 1), date(2025, 6, 3)))
        spans = [float(entry["query"]["to"]) - float(entry["query"]["from"]) for entry in home.asked(EXPORT_CSV)]
    assert spans == [86_400.0] * 3


def test_a_battery_may_release_more_than_it_stored() -> None:
    """As on the documented day: an efficiency above one is no fault."""
    said = {"timespan_start": BEGIN, "storage-total-released": 22079844, "storage-total-stored": 21982919,
            "dc-efficiency": 1.004}  # fmt: skip
    whole = concat(normalize([summed_up([said], DAY, "day")], DAY, AccountConfig()))
    assert points_of(whole)["77/day/dc-efficiency", DAY.start] == 1.004
    assert whole.rejected.empty


def test_a_running_day_is_said_anew_and_corrected_with_a_revision(database: str, tmp_path: Path) -> None:
    """The day's total as it was at noon, and as it is the next morning: one point, and what it was before."""
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        for energy, received in ((3600, 12), (7200, 30)):
            answer = summed_up([{"timespan_start": BEGIN, "pv-total": energy}], DAY, "day")
            pull = warehouse.begin_pull("home", DAY)
            pull.keep(replace(answer, page=1, received_at=DAY.start + timedelta(hours=received)))
            pull.finish(n_requests=1)
            landed = warehouse.payloads("home", DAY)
            report = warehouse.load("home", DAY, landed, normalize(landed, DAY, AccountConfig()))
        assert (report.n_changed, report.n_points) == (1, 1)
    with psycopg.connect(database) as connection:
        held = connection.execute("SELECT measured_at, value FROM measurement").fetchall()
        revised = connection.execute("SELECT value FROM measurement_revision").fetchall()
    assert held == [(datetime(2020, 3, 22, tzinfo=UTC), 2.0)]
    assert revised == [(1.0,)]


@pytest.mark.parametrize("seconds", [1, 31_622_400])
def test_a_token_may_be_asked_for_that_lives_up_to_a_leap_year(seconds: int) -> None:
    assert AccountConfig(validity_seconds=seconds).validity_seconds == seconds
