"""Who a home is: told apart by name, or by what it measures; never by `id`, and never two homes in one series."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from domain.errors import ConfigurationError
from domain.measurement import Normalized, concat
from domain.window import Window
from providers.smart_house.account import AccountConfig, FieldMeaning
from providers.smart_house.normalize import normalize
from tests.providers.smart_house.harness import ACCOUNT, DAY, archive, change, payload, points_of, row, smart_homes

AT = "2025-06-03T10:00:00.000000+01:00"
NAMED = AccountConfig(homes={"mine": ("sensor.only_mine",), "yours": ("sensor_only_yours", "light.yours")})


def cell(state: str = "1", at: str = AT) -> list[object]:
    return [change(at, state)]


def said(*rows: dict[str, object], account: AccountConfig = NAMED, last: date = DAY.day) -> Normalized:
    return concat(normalize([payload(archive(list(rows)), last=last)], DAY, account))


def test_ids_that_change_with_every_request_change_nothing() -> None:
    with smart_homes() as made:
        answers = [made.fetch() for _ in range(6)]  # two of them may be alike by chance
        assert len({one.body for (one,) in answers}) > 1
        meant = [points_of(concat(made.provider.normalize(one, DAY))) for one in answers]
    assert all(one == meant[0] for one in meant)
    assert not [key for key, _ in meant[0] if key.split("/")[0] not in ACCOUNT.homes]


def test_a_home_is_who_has_its_entity() -> None:
    whole = said(
        row(7, sensor_only_mine=cell("1"), sensor_power=cell("2")),
        row(3, light_yours=cell("3"), sensor_power=cell("4")),
    )
    assert {key: value for (key, _), value in points_of(whole).items()} == {
        "mine/sensor_only_mine/power/W": 1.0,
        "mine/sensor_power/power/W": 2.0,
        "yours/light_yours/power/W": 3.0,
        "yours/sensor_power/power/W": 4.0,
    }
    assert {one.site for one in whole.series} == {"mine", "yours"}


def test_one_upload_with_its_entity_names_all_uploads_of_that_id_in_the_file() -> None:
    whole = said(row(7, sensor_power=cell("2")), row(7, sensor_only_mine=cell("1")))
    assert {key.split("/")[0] for key, _ in points_of(whole)} == {"mine"}


def test_two_homes_with_one_name_are_never_mixed() -> None:
    whole = said(row(0, sensor_only_mine=cell("1")), row(1, sensor_only_mine=cell("2")), row(2, light_yours=cell("3")))
    assert {key for key, _ in points_of(whole)} == {"yours/light_yours/power/W"}
    assert list(whole.rejected["reason"]) == ["ambiguous_identity"] * 2


def test_a_home_with_two_names_is_nobody() -> None:
    whole = said(row(0, sensor_only_mine=cell("1"), light_yours=cell("2")))
    assert not points_of(whole)
    assert set(whole.rejected["reason"]) == {"ambiguous_identity"}


def test_an_unnamed_home_is_named_after_what_it_measures_and_not_after_its_id() -> None:
    keys = [
        {key for key, _ in points_of(said(row(home, sensor_a=cell(), sensor_b=cell(), light_c=cell())))}
        for home in (0, 9)
    ]
    assert keys[0] == keys[1]
    assert all(key.startswith("home-") for key in keys[0])
    more = {key for key, _ in points_of(said(row(0, sensor_a=cell(), sensor_b=cell(), light_c=cell(), light_d=cell())))}
    assert keys[0] < more


def test_an_unnamed_home_has_one_name_a_day_whatever_other_days_are_in_the_file() -> None:
    later = DAY.day + timedelta(days=1)
    alone = said(row(0, sensor_a=cell()))
    beside = said(row(0, sensor_a=cell()), row(0, later, sensor_b=cell()), last=later)
    assert points_of(alone).items() <= points_of(beside).items()


def test_two_homes_that_measure_the_same_are_never_mixed() -> None:
    with smart_homes(n_lodgers=1) as made:
        lodgers = {key.split("/")[0] for key, _ in points_of(made.load())} - ACCOUNT.homes.keys()
        assert len(lodgers) == 1
    with smart_homes(n_lodgers=2) as made:
        whole = made.load()
        assert {key.split("/")[0] for key, _ in points_of(whole)} == set(ACCOUNT.homes)
        assert set(whole.rejected["reason"]) == {"ambiguous_identity"}
        assert 0 < len(whole.rejected) <= 12  # a cell each, not a change each


def test_overlapping_uploads_of_one_home_say_the_same_twice_and_no_third_thing() -> None:
    with smart_homes(resends_every=1) as made:
        twice = made.load()
        points = points_of(twice)  # asserts that what is said twice is equal
    assert len(twice.measurements) + len(twice.states) > len(points)
    with smart_homes(resends_every=0) as made:
        assert points_of(made.load()) == points


@pytest.mark.parametrize(
    ("wrong", "culprit"),
    [
        ({"format": "yaml"}, "the format is 'yaml'"),
        ({"types": ("sensor", "sensor")}, "types has"),
        ({"units": ("a,b",)}, "units has"),
        ({"homes": {"a/b": ("sensor.x",)}}, "cannot be the name"),
        ({"homes": {"a": ()}}, "nothing tells the home a apart"),
        ({"homes": {"a": ("sensor.x",), "b": ("sensor_x",)}}, "tells two homes apart"),
        ({"fields": {"sensor.x": FieldMeaning("power", "m")}}, "unit 'm' is unknown"),
        ({"fields": {" ": FieldMeaning("power", "W")}}, "has no name"),
    ],
)
def test_an_account_that_could_not_work_is_refused_in_a_sentence(wrong: dict[str, Any], culprit: str) -> None:
    with pytest.raises(ConfigurationError, match=culprit):
        replace(ACCOUNT, **wrong)


def test_the_homes_are_no_part_of_what_is_asked() -> None:
    with smart_homes() as named, smart_homes(account=AccountConfig()) as unnamed:
        assert named.provider.fingerprint == unnamed.provider.fingerprint
    with smart_homes(account=replace(ACCOUNT, types=("sensor",))) as other:
        assert other.provider.fingerprint != named.provider.fingerprint


def test_the_window_of_a_day_is_the_same_from_a_wide_pull() -> None:
    week = Window.of_days(DAY.day - timedelta(days=4), DAY.day + timedelta(days=2))
    with smart_homes(account=AccountConfig()) as made:
        wide = points_of(concat(made.provider.normalize(made.fetch(week), DAY)))
        assert points_of(made.load()) == wide


def test_thousands_of_uploads_of_some_seconds_each_are_all_read_once() -> None:
    """As the collectors of May 2022 sent: every 10 to 30 seconds, and what was said just before a second time."""
    seconds = range(0, 86_400, 30)
    ats = [f"2025-06-03T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}+00:00" for s in seconds]
    rows = [
        row(7, sensor_only_mine=[change(at, str(n)) for n, at in enumerate(ats)][max(0, n - 1) : n + 1])
        for n in range(len(ats))
    ]
    whole = said(*rows)
    assert len(rows) == 2_880
    assert sorted(float(one) for one in points_of(whole).values()) == [float(n) for n in range(len(ats))]
    assert not len(whole.rejected)


def test_columns_that_come_and_go_with_what_was_asked_for_change_no_other_point() -> None:
    narrow = said(row(0, sensor_only_mine=cell("1")))
    new_entity = said(row(0, sensor_only_mine=cell("1"), sensor_new=cell("2")))
    empty = said(row(0, sensor_only_mine=cell("1"), sensor_gone=None), row(1, light_yours=cell("5"), sensor_gone=[]))
    assert points_of(narrow).items() <= points_of(new_entity).items()
    assert points_of(narrow).items() <= points_of(empty).items()
    assert {key for key, _ in points_of(new_entity).keys() - points_of(narrow).keys()} == {"mine/sensor_new/power/W"}
    assert not any("sensor_gone" in key for key, _ in points_of(empty))


def part(types: str, *rows: dict[str, object], account: AccountConfig = NAMED) -> Normalized:
    return concat(normalize([payload(archive(list(rows)), params={"types": types})], DAY, account))


def test_in_a_part_of_an_answer_a_home_is_named_by_its_own_entity_or_not_at_all() -> None:
    """A known home of which a part shows nothing of its own would get the fingerprint of that part as its name."""
    lights = [row(0, light_yours=cell("1"), light_hall=cell("2")), row(1, light_hall=cell("3"))]
    whole = part("light,sun", *lights)
    assert {key.split("/")[0] for key, _ in points_of(whole)} == {"yours"}
    assert list(whole.rejected["reason"]) == ["ambiguous_identity"]
    assert not points_of(part("light", row(0, light_hall=cell()), account=AccountConfig()))


def test_an_answer_with_all_types_that_the_account_names_is_no_part() -> None:
    account = replace(NAMED, types=("light", "sensor"))
    assert points_of(part("light,sensor", row(0, light_hall=cell()), account=account))
    assert not points_of(part("light", row(0, light_hall=cell()), account=account))


def test_a_question_divided_by_types_makes_no_home_up() -> None:
    with smart_homes() as made:
        whole = points_of(made.load())
        made.twin.configure(most_columns=10)
        parts = made.load()
    assert points_of(parts).items() <= whole.items()
    assert set(parts.rejected["reason"]) == {"ambiguous_identity"}
