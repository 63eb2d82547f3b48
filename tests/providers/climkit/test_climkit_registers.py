"""What happens to a counter in the house is what the warehouse says of it: from the twin to the view."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assets.steps import land, load
from sandbox.climkit.house import SITE
from tests.providers.climkit.harness import ACCOUNT, DAY, FLAT, apartments
from warehouse.store import open_warehouse

NOON = "2025-06-01T12:00:00"
REGISTERS = replace(ACCOUNT, meters=(FLAT,), has_site_totals=False, has_sensors=False)


def flagged(database: str, folder: Path, *events: dict[str, Any]) -> tuple[dict[str, int], float, float]:
    """How often each flag comes, the energy of the registers, and that of the validated quarters between them."""
    with apartments(account=REGISTERS) as made, open_warehouse(database, folder) as warehouse:
        for event in events:
            made.twin.happen({"meter": FLAT, "at": NOON, **event})
        land(made.provider, warehouse, "house", DAY)
        load(made.provider, warehouse, "house", DAY)
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT flag, count(*), sum(amount) FROM register_energy INNER JOIN series USING (series_id)"
            " WHERE key = %s GROUP BY flag",
            [f"{SITE}/{FLAT}/en_im"],
        ).fetchall()
        validated = connection.execute(
            "SELECT sum(amount) FROM interval_energy INNER JOIN series USING (series_id)"
            " WHERE key = %s AND measured_at < %s",
            [f"{SITE}/{FLAT}/total", DAY.end.replace(hour=23, minute=45, day=1)],
        ).fetchone()
    assert validated is not None
    return {flag: count for flag, count, _ in rows}, sum(amount for _, _, amount in rows), float(validated[0])


@pytest.mark.parametrize(
    ("events", "flags"),
    [
        ([], {"measured": 95}),
        ([{"event": "missing", "until": "2025-06-01T14:00:00"}], {"measured": 86, "gap": 1}),
        ([{"event": "jitter", "by": 0.5}], {"measured": 94, "jitter": 1}),
        ([{"event": "duplicate"}], {"measured": 95}),
        (
            [
                {"event": "replace", "at": "2025-05-31T00:00:00", "to": 9_975},
                {"event": "rollover", "at": "2025-05-31T00:15:00", "digits": 4},
            ],
            {"measured": 94, "rollover": 1},
        ),
    ],
)
def test_no_energy_is_lost_whatever_happens_to_a_reading(
    database: str, tmp_path: Path, events: list[dict[str, Any]], flags: dict[str, int]
) -> None:
    found, registered, validated = flagged(database, tmp_path, *events)

    assert found == flags
    assert registered == pytest.approx(validated, rel=1e-6)


@pytest.mark.parametrize(
    ("event", "flag"),
    [({"event": "replace", "to": 0}, "reset"), ({"event": "replace", "to": 250}, "replacement")],
)
def test_another_counter_is_named_and_invents_nothing(
    database: str, tmp_path: Path, event: dict[str, Any], flag: str
) -> None:
    found, registered, validated = flagged(database, tmp_path, event)

    assert found == {"measured": 94, flag: 1}
    assert registered <= validated + 1e-6
    assert registered > validated * 0.9


def test_readings_that_swap_directions_are_told_by_their_register(database: str, tmp_path: Path) -> None:
    found, _, _ = flagged(database, tmp_path, {"event": "swap"})

    assert found["reset"] == 1  # the import register goes on as the export one, which stood at zero


def test_a_gateway_whose_clock_is_off_shifts_readings_and_loses_none(database: str, tmp_path: Path) -> None:
    found, registered, validated = flagged(database, tmp_path, {"event": "skew", "seconds": 37})

    assert sum(found.values()) == 95
    assert registered == pytest.approx(validated, rel=1e-6)
