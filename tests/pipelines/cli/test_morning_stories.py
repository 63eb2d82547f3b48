"""What a morning asks of a night at the provider's twin, by commands: from the answer to the name of the device."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import psycopg
from typer.testing import CliRunner

from pipelines.cli.application import application
from sandbox.export_service.twin import ExportService

SOURCE = "charging_hub"
BATTERY, GRID = (f"audicharginghub_batteriedaten_analysis_batteriedaten_{one}" for one in ("battall", "grid"))


def day(n: int) -> date:
    """The day `n` days before yesterday."""
    return datetime.now(UTC).date() - timedelta(days=n + 1)


def ask(*words: str) -> str:
    answer = CliRunner().invoke(application, [*words])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def backfill(first: int, last: int = 0, *words: str) -> str:
    return ask("backfill", SOURCE, "--from", str(day(first)), "--to", str(day(last)), *words)


def gaps() -> tuple[set[tuple[str, str, str]], str]:
    """Device, verdict and since when of all that lacks points; and the command that asks for them."""
    ask("assess", SOURCE)
    [said] = json.loads(ask("gaps", SOURCE, "--json"))
    return {(one["device"], one["verdict"], one["since"][:16]) for one in said["gaps"]}, said["command"]


def remove(twin: ExportService, product: str, n: int, is_removed: Callable[[int], bool]) -> None:
    """Let the twin lose the rows of some minutes of a day."""
    midnight = datetime.combine(day(n), datetime.min.time(), UTC).timestamp() * 1000
    for row in twin.documents(product, str(day(n)), str(day(n - 1))):
        if is_removed(int(row["timestamp"] - midnight) // 60_000):
            twin.remove(product, row["timestamp"])


def test_what_fell_silent_at_noon_and_what_sent_half_its_minutes_are_named_after_one_load(twin: ExportService) -> None:
    backfill(4, 1)
    remove(twin, BATTERY, 0, lambda minute: minute >= 720)
    remove(twin, GRID, 0, lambda minute: minute % 2 == 1)

    backfill(0)
    assert gaps() == (
        {(BATTERY, "silent", f"{day(0)}T12:00"), (GRID, "partial", f"{day(0)}T00:00")},
        f"joulehouse backfill {SOURCE} --days {day(0)}",
    )


def test_a_gateway_that_hands_in_a_week_late_is_found_asked_for_and_healed_and_its_lateness_is_learned(
    twin: ExportService, database: str
) -> None:
    for n in (7, 6):
        twin.fault("late_documents", every=1, product=BATTERY, day=str(day(n)))
    backfill(9)
    with psycopg.connect(database, autocommit=True) as owner:  # as they were asked for in those nights
        owner.execute(
            "UPDATE pull SET started_at = window_end + INTERVAL '4 h', finished_at = window_end + INTERVAL '5 h'"
        )
    found, command = gaps()
    assert (BATTERY, "absent", f"{day(7)}T00:00") in found
    assert command.endswith(f"{day(7)},{day(6)}")

    twin.clear_faults()
    asked = ask("backfill", SOURCE, "--missing")
    for n in (7, 6):
        assert f"{SOURCE} {day(n)}: 19,2" in asked
    assert BATTERY not in {device for device, _, _ in gaps()[0]}
    assert "nothing is due" in ask("backfill", SOURCE, "--missing")
    learned = json.loads(ask("lateness", SOURCE, "--json"))
    [battery] = [one for one in learned["devices"] if one["device"] == BATTERY]
    assert (battery["points"], battery["days"]) == (14_592, 2)
    assert 6 * 24 < battery["p99_hours"] < 8 * 24
    assert learned["proposed_refetch_days"] in {8, 9}
