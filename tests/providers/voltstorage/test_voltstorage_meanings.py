"""What VoltStorage's numbers are, and how finely and widely they are asked for.

The document's own example loads to exactly the values that it prints, point by point.
"""

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
from tests.providers.voltstorage.harness import ACCOUNT, battery, exported, points_of, summed_up
from warehouse.store import open_warehouse

DAY = Window.of_day(date(2020, 3, 22))
BEGIN = 1584835200  # as in the document


def test_columns_are_what_a_client_that_works_takes_them_for() -> None:
    with battery() as home:
        kinds = {one.labels["field"]: (one.quantity, one.provider_unit) for one in home.load().series}
    power = ("power", "W")
    assert kinds == {
        "Power_Grid": power,
        "Power_Household": power,
        "Power_PV": power,
        "inverterPower": power,
        "Power_Power Electronics": power,
        "SOC_State of Charge": ("state_of_charge", "1"),
    }


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
    said = {
        "timespan_start": BEGIN,
        "storage-total-released": 22079844,
        "storage-total-stored": 21982919,
        "dc-efficiency": 1.004,
    }
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


HEADER = "Time,Power_Grid,Power_Household,inverterPower,Power_PV,Power_Power Electronics,SOC_State of Charge"
# As printed at the end of the provider's document.
LINES = """
2020-03-25T12:20:41.562+00:00,-49.8754,815.662,433.105,432.432,433.105,0.611868
2020-03-25T12:20:42.556+00:00,-71.7332,,,,,
2020-03-25T12:20:43.568+00:00,-55.5049,,395.02,,395.02,
2020-03-25T12:20:44.556+00:00,-115.449,,433.105,,433.105,
2020-03-25T12:20:45.556+00:00,-59.1815,,354.98,,354.98,
2020-03-25T12:20:46.556+00:00,-159.164,,433.105,,433.105,
2020-03-25T12:20:47.556+00:00,-63.8346,,315.918,,315.918,
2020-03-25T12:20:48.558+00:00,-43.7003,,273.926,,273.926,0.611709
2020-03-25T12:20:49.556+00:00,-107.55,,315.918,,315.918,0.611693
2020-03-25T12:20:50.556+00:00,-50.5506,,237.061,,237.061,
2020-03-25T12:20:51.556+00:00,-149.313,,313.965,,313.965,
2020-03-25T12:20:52.556+00:00,-53.2505,,196.045,,196.045,
2020-03-25T12:20:53.556+00:00,-152.989,,273.926,,273.926,
2020-03-25T12:20:54.556+00:00,99.0787,,0,,0,
2020-03-25T12:20:55.556+00:00,77.2209,,,,,0.611629
2020-03-25T12:20:56.558+00:00,,,,,,0.611628
2020-03-25T12:21:00.556+00:00,-32.068,404.35,,,,
2020-03-25T12:21:01.556+00:00,-32.3131,404.315,,,,
2020-03-25T12:21:17.556+00:00,-36.2353,,0,,0,
2020-03-25T12:21:18.558+00:00,-14.4772,,,,,
2020-03-25T12:21:19.556+00:00,9.2645,,-45.99,,-45.99,
2020-03-25T12:21:20.556+00:00,-36.9706,,0,,0,
2020-03-25T12:21:27.556+00:00,-38.6866,403.396,,,,
2020-03-25T12:21:28.556+00:00,-78.9317,363.361,,,,
2020-03-25T12:21:29.556+00:00,-79.1768,363.325,,,,
2020-03-25T12:25:06.564+00:00,-139.382,351.129,,490.511,,0.611472
""".strip().splitlines()
PRINTED = "\r\n".join(["sep=,", HEADER, *LINES, ""]).encode()
WINDOW = Window(datetime(2020, 3, 25, tzinfo=UTC), datetime(2020, 3, 26, tzinfo=UTC))


def expected() -> dict[tuple[str, str], float]:
    """Column and printed time → printed value, for every cell that is not empty."""
    names = HEADER.split(",")
    said: dict[tuple[str, str], float] = {}
    for line in LINES:
        time, *cells = line.split(",")
        said |= {(name, time): float(cell) for name, cell in zip(names[1:], cells, strict=True) if cell}
    return said


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
def test_the_printed_example_loads_to_exactly_the_values_printed_there(ending: bytes) -> None:
    said = exported(PRINTED.replace(b"\r\n", ending), WINDOW)
    whole = concat(normalize([said], WINDOW, AccountConfig()))
    want = {(f"77/{name}", datetime.fromisoformat(time)): value for (name, time), value in expected().items()}
    assert len(want) == 72
    assert points_of(whole) == want
    assert whole.n_received == len(want)


def test_the_printed_example_balances_and_so_the_signs_are_understood() -> None:
    said = expected()
    time = LINES[0].split(",")[0]
    drawn = said["Power_Household", time] - said["Power_PV", time] - said["inverterPower", time]
    assert said["Power_Grid", time] == pytest.approx(drawn, abs=0.001)
