"""The fakes keep the promises that the tests upstairs lean on."""

from datetime import date, timedelta

import pytest

from domain.errors import PayloadMissingError, ProviderUnavailableError, ShrinkRefusedError
from domain.measurement import concat
from domain.window import Window
from tests.fakes.provider import FakeProvider, hourly
from tests.fakes.warehouse import FakeWarehouse

DAY = date(2026, 1, 2)
WINDOW = Window.of_day(DAY)


def test_the_fake_provider_says_in_normalize_what_it_was_given() -> None:
    points = hourly(DAY)
    provider = FakeProvider({DAY: points})
    said = concat(provider.normalize(provider.fetch(WINDOW, {}), WINDOW))
    said.check(place="test")
    assert dict(zip(said.measurements["measured_at"], said.measurements["value"], strict=True)) == points["roof/P"]


def test_the_fake_provider_fails_where_it_was_told_to() -> None:
    error = ProviderUnavailableError("away", place="fake", fix="wait")
    provider = FakeProvider({DAY: hourly(DAY)}, failures={DAY: error}, n_good_pages=1)
    answers = provider.fetch(WINDOW, {})
    next(answers)
    with pytest.raises(ProviderUnavailableError):
        next(answers)


def test_the_fake_warehouse_counts_what_a_second_load_changed_and_removed() -> None:
    provider, warehouse = FakeProvider({DAY: hourly(DAY)}), FakeWarehouse()

    def pull_and_load() -> tuple[int, int, int, int]:
        pull = warehouse.begin_pull("s", WINDOW)
        for payload in provider.fetch(WINDOW, pull.progress):
            pull.keep(payload)
        pull.finish(n_requests=1)
        landed = warehouse.payloads("s", WINDOW)
        report = warehouse.load("s", WINDOW, landed, provider.normalize(landed, WINDOW))
        return report.n_inserted, report.n_changed, report.n_unchanged, report.n_removed

    assert pull_and_load() == (24, 0, 0, 0)
    values = provider.points[DAY]["roof/P"]
    values[WINDOW.start] = -1.0
    del values[WINDOW.start + timedelta(hours=5)]
    assert pull_and_load() == (0, 1, 22, 1)
    assert [report.n_points for report in warehouse.newest_loads("s", DAY, DAY)] == [23]


def test_the_fake_warehouse_refuses_to_shrink_and_to_read_what_is_not_there() -> None:
    provider, warehouse = FakeProvider({DAY: hourly(DAY)}), FakeWarehouse()
    with pytest.raises(PayloadMissingError):
        warehouse.payloads("s", WINDOW)
    pull = warehouse.begin_pull("s", WINDOW)
    for payload in provider.fetch(WINDOW, {}):
        pull.keep(payload)
    pull.finish(n_requests=1)
    landed = warehouse.payloads("s", WINDOW)
    warehouse.load("s", WINDOW, landed, provider.normalize(landed, WINDOW))
    with pytest.raises(ShrinkRefusedError):
        warehouse.load("s", WINDOW, landed, [])
