"""An answer that is about many days is read once for all of them."""

from datetime import date
from typing import Any

import pytest

from domain.records import Payload
from domain.window import Window
from providers.climkit.wire import parse_rows
from tests.providers.climkit.harness import ACCOUNT, apartments

MONTH = Window.of_days(date(2025, 6, 1), date(2025, 6, 30))
DAYS = [Window.of_day(day) for day in MONTH.days()]


def test_every_answer_about_a_month_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[str] = []

    def counted(body: bytes, *, place: str) -> list[Any]:
        places.append(place)
        return parse_rows(body, place=place)

    monkeypatch.setattr("providers.climkit.document.parse_rows", counted)
    with apartments(account=ACCOUNT) as made:
        payloads: list[Payload] = made.fetch(MONTH)
        found = {index for index, _ in made.provider.normalize_each(payloads, DAYS)}
    assert found == set(range(30))
    assert len(places) == len(set(places)) == len([one for one in payloads if "data" in one.endpoint])
