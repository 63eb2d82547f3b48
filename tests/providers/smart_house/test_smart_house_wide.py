"""An answer that is about a week is read once for all of its days together, as it is for one of them."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from domain.measurement import concat
from domain.window import Window
from providers.smart_house import batches
from providers.smart_house.account import AccountConfig
from providers.smart_house.archive import read_uploads
from providers.smart_house.normalize import normalize, normalize_each
from providers.smart_house.wire import InvalidRow, Upload
from tests.providers.conformance import said
from tests.providers.smart_house.harness import DAY, archive, change, payload, row

ACCOUNT = AccountConfig(homes={"mine": ("sensor.mine",), "yours": ("sensor.yours",), "theirs": ("sensor.theirs",)})
DAYS = [DAY.day + timedelta(days=n) for n in range(7)]
WINDOWS = [Window.of_day(day) for day in DAYS]
REDACTED = {"last_updated": "{{REDACTED}}", "state": "7", "attributes": "{unit_of_measurement=W}"}


def _week(n_changes: int = 60) -> bytes:
    """Nine days of uploads of two homes: changes of the day and of the day before, undated ones, and odd ones."""
    rows = []
    for n, day in enumerate([*DAYS, *(DAYS[-1] + timedelta(days=late) for late in (1, 2))]):
        before = day - timedelta(days=1)
        stamps = [f"{at}T{n % 24:02}:{n // 24:02}:00+00:00" for at in (before, day) for n in range(n_changes)]
        dated = [change(stamp, str(number)) for number, stamp in enumerate(stamps)]
        rows.append(row(1, day, sensor_mine=[*dated, change("soon", "1"), REDACTED], sensor_other="no list"))
        rows.append(row(2, day, sensor_yours=[change(stamps[-1], "on"), REDACTED, {}]))
        if n == len(DAYS) // 2:
            # Who is who, of these two?
            rows += [row(home, day, sensor_same=[change(stamps[-1], "3")]) for home in (3, 4)]
    return archive(rows)


@pytest.mark.parametrize("n_points", [1, 50, 20_000])
def test_each_day_has_what_it_has_alone_however_small_the_batches_are(
    n_points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = payload(_week(), first=DAYS[0], last=DAYS[-1] + timedelta(days=2))
    alone = [said(list(normalize([week], window, ACCOUNT))) for window in WINDOWS]
    monkeypatch.setattr(batches, "BATCH_POINTS", n_points)
    found = list(normalize_each([week], WINDOWS, ACCOUNT))
    assert [said([batch for at, batch in found if at == index]) for index in range(len(WINDOWS))] == alone
    assert max(batch.n_received for _, batch in found) <= n_points
    whole = concat(batch for _, batch in found)
    assert min(len(whole.measurements), len(whole.states), len(whole.rejected)) > len(DAYS)
    assert {"ambiguous_identity", "malformed_row"} <= set(whole.rejected["reason"])


def test_an_answer_is_read_once_for_all_of_its_days_and_once_more_to_show_homes_that_nobody_can_tell_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places: list[str] = []

    def counted(body: bytes, form: str, *, place: str) -> Iterator[Upload | InvalidRow]:
        places.append(place)
        return read_uploads(body, form, place=place)

    monkeypatch.setattr("providers.smart_house.normalize.read_uploads", counted)
    until = DAYS[-1] + timedelta(days=2)
    said_once = [change(f"{DAYS[0]}T10:00:00+00:00", "3")]
    clear = payload(archive([row(1, day, sensor_mine=said_once) for day in DAYS]), first=DAYS[0], last=until)
    assert {index for index, _ in normalize_each([clear], WINDOWS, ACCOUNT)} == set(range(7))
    assert len(places) == 1
    twins = archive([row(home, DAYS[0], sensor_same=said_once) for home in (1, 2)])
    found = concat(batch for _, batch in normalize_each([payload(twins, last=until)], WINDOWS, ACCOUNT))
    assert [raw.partition(": ")[2] for raw in found.rejected["raw"]] == [json.dumps(said_once)] * 2
    assert len(places) == 3


def test_of_each_day_of_a_week_it_is_proven_apart_who_is_absent() -> None:
    """One home is missing until the last day's upload; the days that this upload may be about are without proof."""
    days = [*DAYS, *(DAYS[-1] + timedelta(days=late) for late in (1, 2))]
    answers = [
        payload(
            archive(
                [
                    row(home, day, **{f"sensor_{name}": [change(f"{day}T10:00:00+00:00", "1")]})
                    for home, name in enumerate(("mine", "yours", "theirs"))
                    if name != "theirs" or day == days[-1]
                ]
            ),
            first=day,
            last=day,
        )
        for day in days
    ]
    found = list(normalize_each(answers, WINDOWS, ACCOUNT))
    absent = [concat(batch for at, batch in found if at == index).absent_sites for index in range(7)]
    assert absent == [{"theirs"}] * 6 + [frozenset()]
    for window, sites in zip(WINDOWS, absent, strict=True):
        touching = [one for one in answers if one.window.touches(window)]
        assert concat(normalize(touching, window, ACCOUNT)).absent_sites == sites
