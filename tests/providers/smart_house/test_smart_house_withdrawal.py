"""What proves that a home has deleted what it had sent, and all that looks the same and is no proof."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from domain.measurement import concat
from domain.records import Payload
from domain.window import Window
from providers.smart_house.account import AccountConfig
from providers.smart_house.normalize import NOTHING_LEFT, normalize
from tests.providers.smart_house.harness import DAY, archive, change, payload, row, smart_homes

AT = "2025-06-03T10:00:00.000000+01:00"
ACCOUNT = AccountConfig(homes={"mine": ("sensor.mine",), "yours": ("sensor.yours",), "theirs": ("sensor.theirs",)})
FIRST, SECOND, LAST = (DAY.day + timedelta(days=n) for n in range(3))
HOME_OF = {"sensor_mine": 1, "sensor_yours": 2, "sensor_theirs": 3}


def rows(day: date, *entities: str) -> list[dict[str, object]]:
    """Uploads of a day, each of one home: the one that has the entity."""
    return [row(HOME_OF.get(name, 9), day, **{name: [change(AT, "1")]}) for name in entities]


def answer(*uploads: Sequence[dict[str, object]], first: date = FIRST, last: date = LAST, **more: Any) -> Payload:
    return payload(archive([one for day in uploads for one in day]), first=first, last=last, **more)


def absent(*payloads: Payload, account: AccountConfig = ACCOUNT, window: Window = DAY) -> frozenset[str]:
    return concat(normalize(payloads, window, account)).absent_sites


BOTH = [rows(day, "sensor_mine", "sensor_yours") for day in (FIRST, SECOND, LAST)]


def test_a_home_that_is_missing_from_every_day_while_the_others_are_there_is_absent() -> None:
    assert absent(answer(*BOTH)) == {"theirs"}


def test_nobody_is_absent_while_everybody_is_there() -> None:
    assert absent(answer(*BOTH, rows(LAST, "sensor_theirs"))) == frozenset()


def test_the_days_of_one_window_may_come_in_several_answers() -> None:
    parts = [answer(day, first=at, last=at) for at, day in zip((FIRST, SECOND, LAST), BOTH, strict=True)]
    assert absent(*parts) == {"theirs"}
    seen = answer([*BOTH[2], *rows(LAST, "sensor_theirs")], first=LAST, last=LAST)
    assert absent(*parts[:2], seen) == frozenset()


@pytest.mark.parametrize("n_asked", [1, 2])
def test_nobody_is_absent_while_a_late_day_of_upload_is_still_to_come(n_asked: int) -> None:
    """Who sends a day late is missing from the first days of upload, and is there on the last one."""
    asked = LAST - timedelta(days=3 - n_asked)
    assert absent(answer(*BOTH[:n_asked], last=asked)) == frozenset()
    late = answer([*BOTH[2], *rows(LAST, "sensor_theirs")], first=LAST, last=LAST)
    assert absent(answer(*BOTH[:2], last=SECOND), late) == frozenset()


def test_what_is_proven_of_a_day_holds_for_it_alone() -> None:
    four = [*BOTH, rows(LAST + timedelta(days=1), "sensor_mine", "sensor_yours")]
    wide = answer(*four, last=LAST + timedelta(days=1))
    for window in (DAY, Window.of_day(SECOND), Window.of_days(FIRST, SECOND)):
        assert absent(wide, window=window) == {"theirs"}
    assert absent(wide, window=Window.of_day(LAST)) == frozenset()  # its last late day was never asked for
    assert absent(answer(*BOTH[1:], first=SECOND), window=DAY) == frozenset()  # its first day was never asked for


def test_a_row_that_nobody_can_read_may_be_the_missing_homes() -> None:
    lines = "".join(
        f"{home},{day.year},{day.month},{day.day},{cells}\n"
        for day in (FIRST, SECOND, LAST)
        for home, cells in ((1, f'"{[change(AT, "1")]}",'), (2, f',"{[change(AT, "1")]}"'))
    )
    header = "id,year,month,day,sensor_mine,sensor_yours\n"
    short = f"3,{FIRST.year},{FIRST.month},{FIRST.day}\n"
    found = [
        absent(payload(archive((header + said).encode(), "csv"), "csv", first=FIRST, last=LAST))
        for said in (lines, lines + short)
    ]
    assert found == [{"theirs"}, frozenset()]


@pytest.mark.parametrize("empty", [FIRST, SECOND, LAST])
def test_a_day_on_which_nobody_uploaded_proves_nothing(empty: date) -> None:
    left = [day for at, day in zip((FIRST, SECOND, LAST), BOTH, strict=True) if at != empty]
    assert absent(answer(*left)) == frozenset()


def test_an_answer_in_which_nothing_is_left_proves_nothing() -> None:
    nothing = payload(b"", last=LAST, proof=f"{NOTHING_LEFT}, status 204")
    assert absent(nothing) == frozenset()
    assert absent(answer([])) == frozenset()


def test_an_unnamed_home_may_be_the_one_that_is_missing() -> None:
    assert absent(answer(*BOTH, rows(SECOND, "sensor_new_name"))) == frozenset()


def test_a_home_that_cannot_be_told_apart_may_be_the_one_that_is_missing() -> None:
    twice = [row(home, SECOND, sensor_mine=[change(AT, "1")]) for home in (4, 5)]
    assert absent(answer(BOTH[0], twice, BOTH[2])) == frozenset()


@pytest.mark.parametrize("narrowed", [{"types": "sensor"}, {"units": "W"}])
def test_an_answer_that_was_narrowed_proves_nothing(narrowed: dict[str, str]) -> None:
    assert absent(answer(*BOTH, params=narrowed)) == frozenset()


def test_an_unnamed_home_is_never_absent() -> None:
    assert absent(answer(*BOTH), account=AccountConfig()) == frozenset()


def test_a_home_without_a_usable_change_is_there() -> None:
    odd = row(3, SECOND, sensor_theirs="no list")
    assert absent(answer(*BOTH, [odd])) == frozenset()


def test_the_twins_home_is_absent_once_it_has_deleted_its_history_and_not_before() -> None:
    with smart_homes() as made:
        assert made.load().absent_sites == frozenset()
        made.twin.delete("aveiro")
        assert made.load().absent_sites == {"aveiro"}
        made.twin.reset()
    with smart_homes(n_lodgers=1) as made:
        made.twin.delete("aveiro")
        assert made.load().absent_sites == frozenset()
