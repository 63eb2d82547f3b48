"""What a meter's raw data are is told by its history: no odd day makes a load curve of a register, in any order.

An answer that is about many days is read once for all of them.
"""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from assets.ingest import ingest_days
from domain.records import Payload
from domain.window import Window
from providers.climkit.wire import parse_rows
from sandbox.climkit.house import SITE
from tests.providers.climkit.harness import ACCOUNT, FLAT, WATER, Apartments, apartments
from warehouse.store import TimescaleWarehouse

RAW = replace(ACCOUNT, meters=(FLAT, WATER), has_sensors=False, has_site_totals=False)
DAYS = [date(2025, 6, day) for day in (1, 2, 3)]
KEY = f"{SITE}/{FLAT}/en_im"
CURVE = "meter_data_raw of electricity/en_im (a load curve)"


def loaded(made: Apartments, warehouse: TimescaleWarehouse, days: list[date], *, lands: bool = True) -> list[int]:
    """How many values of each day were left unmapped as a load curve."""
    walk = list(ingest_days(days, made.provider, warehouse, "house", pull_days=len(days), lands=lands))
    assert [outcome.error for outcome in walk] == [None] * len(days)
    return [outcome.load.unmapped.get(CURVE, 0) for outcome in walk if outcome.load]


def held(warehouse: TimescaleWarehouse, day: date) -> int:
    found = warehouse.reading.measurements("house", Window.of_day(day))
    return int((found["series"] == KEY).sum())


def odd(made: Apartments) -> None:
    made.twin.happen({"meter": FLAT, "event": "curve", "at": "2025-01-01T00:00:00"})


def test_a_register_with_history_loses_no_point_by_a_day_that_looks_like_a_curve(warehouse: TimescaleWarehouse) -> None:
    with apartments(account=RAW) as made:
        assert loaded(made, warehouse, DAYS[:1]) == [0]
        odd(made)
        assert loaded(made, warehouse, DAYS[:1]) == [0]  # pulled again
        assert loaded(made, warehouse, DAYS) == [0, 0, 0]  # and as one pull of several days
    assert [held(warehouse, day) for day in DAYS] == [96, 96, 96]


def test_a_first_day_that_looks_like_a_curve_is_read_again_once_the_next_one_has_shown_a_register(
    warehouse: TimescaleWarehouse,
) -> None:
    with apartments(account=RAW) as made:
        odd(made)
        assert loaded(made, warehouse, DAYS[:1]) == [96]
        made.twin.reset()
        made.twin.configure(requests_per_second=0.0)
        assert loaded(made, warehouse, DAYS[1:2]) == [0]
        assert loaded(made, warehouse, DAYS[:1], lands=False) == [0]
    assert held(warehouse, DAYS[0]) == 96


def test_a_register_that_was_described_and_never_read_is_no_history(warehouse: TimescaleWarehouse) -> None:
    with apartments(account=RAW) as made:
        odd(made)
        warehouse.catalogue("house", made.provider.discover())
        assert KEY not in warehouse.known_kinds("house")
        assert loaded(made, warehouse, DAYS[:1]) == [96]


MONTH = Window.of_days(date(2025, 6, 1), date(2025, 6, 30))
DAYS_OF_MONTH = [Window.of_day(day) for day in MONTH.days()]


def test_every_answer_about_a_month_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[str] = []

    def counted(body: bytes, *, place: str) -> list[Any]:
        places.append(place)
        return parse_rows(body, place=place)

    monkeypatch.setattr("providers.climkit.document.parse_rows", counted)
    with apartments(account=ACCOUNT) as made:
        payloads: list[Payload] = made.fetch(MONTH)
        found = {index for index, _ in made.provider.normalize_each(payloads, DAYS_OF_MONTH)}
    assert found == set(range(30))
    assert len(places) == len(set(places)) == len([one for one in payloads if "data" in one.endpoint])
