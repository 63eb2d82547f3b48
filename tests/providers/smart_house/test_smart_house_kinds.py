"""An entity says numbers or texts by its unit, its class and its history; what one text looks like decides nothing."""

from datetime import date
from itertools import permutations

import pytest

from domain.measurement import Normalized, concat
from domain.quantities import NO_KINDS, Kind, Kinds
from domain.window import Window
from providers.smart_house import naming
from providers.smart_house.account import AccountConfig, FieldMeaning
from providers.smart_house.normalize import normalize
from tests.providers.smart_house.harness import archive, change, payload, row

DAY = Window.of_day(date(2025, 6, 3))
AT = "2025-06-03T{:02}:00:00.000000+01:00"
CELSIUS = "{unit_of_measurement=°C, device_class=temperature, state_class=measurement}"
ACCOUNT = AccountConfig(homes={"aveiro": ("sensor.x",)})
STATED = naming.stated("aveiro", "sensor_x").key
MEASURED = naming.measured("aveiro", "sensor_x", "temperature", "°C").key


def said(
    *changes: tuple[object, object], kinds: Kinds = NO_KINDS, account: AccountConfig = ACCOUNT, form: str = "json"
) -> Normalized:
    cell = [change(AT.format(hour), state, attributes) for hour, (state, attributes) in enumerate(changes, 2)]
    cells = cell if form == "json" else str(cell)
    return concat(normalize([payload(archive([row(sensor_x=cells)]))], DAY, account, kinds))


@pytest.mark.parametrize(
    ("state", "value"),
    [
        ("21,5", 21.5), ("1,234.5", 1234.5), ("1 234,5", 1234.5), ("1\u00a0234,5", 1234.5), ("\u22125", -5.0),
        ("'-5.2", -5.2),
        ("5.", 5.0), (".5", 0.5), ("+5", 5.0), ("1e3", 1000.0), ("21.5 ", 21.5), ("21.5 °C", 21.5), ("21,5°C", 21.5),
        ("1.234", 1.234),
    ],
)  # fmt: skip
def test_a_number_that_can_only_be_one_is_measured_however_it_is_written(state: str, value: float) -> None:
    whole = said((state, CELSIUS))
    assert list(whole.measurements["value"]) == [value]
    assert (len(whole.states), len(whole.rejected), whole.unmapped) == (0, 0, {})


@pytest.mark.parametrize(
    "state", ["unavailable", "unknown", "Unavailable", "", " ", "None", "null", None, "NaN", "{{REDACTED}}"]
)
def test_what_stands_in_a_numbers_place_and_is_none_is_absent_and_counted(state: object) -> None:
    whole = said((state, CELSIUS), ("5", CELSIUS))
    assert list(whole.measurements["value"]) == [5.0]
    assert (len(whole.states), len(whole.rejected), whole.unmapped, whole.n_absent) == (0, 0, {}, 1)


@pytest.mark.parametrize("state", ["n/a", "-", "true", "1,234", "on", "21.5 K"])
def test_what_is_no_certain_number_is_rejected_by_name_and_never_a_state(state: str) -> None:
    whole = said((state, CELSIUS))
    assert (len(whole.states), len(whole.measurements), len(whole.rejected)) == (0, 0, 1)
    assert list(whole.rejected["series"]) == [MEASURED]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("proof", [("1.234,5", 1234.5), ("21,5", 21.5), ("1.234.567", 1234567.0), ("21,5 W", 21.5)])
def test_a_thousand_beside_a_decimal_comma_of_the_same_entity_is_never_read_as_one(
    form: str, proof: tuple[str, float]
) -> None:
    """Whichever comes first: 1.234 W may be 1,234 W."""
    watts = "{unit_of_measurement=W, device_class=power, state_class=measurement}"
    for order in permutations([proof[0], "1.234", "950"]):
        whole = said(*((state, watts) for state in order), form=form)
        assert sorted(whole.measurements["value"]) == sorted([proof[1], 950.0])
        assert list(whole.rejected["reason"]) == ["ambiguous_decimal"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_one_change_with_a_unit_says_what_the_entity_is_in_whatever_order_they_come(form: str) -> None:
    changes = [("unavailable", "{}"), ("21,5", CELSIUS), ("7", "{friendly_name=x}"), ("fog", "{}")]
    for order in permutations(changes):
        whole = said(*order, form=form)
        assert list(whole.measurements["value"]) == [21.5]
        assert (len(whole.states), list(whole.rejected["reason"])) == (0, ["wrong_type"])
        assert (whole.n_absent, whole.unmapped) == (1, {"aveiro/sensor_x": 1})


@pytest.mark.parametrize(
    "attributes", ["{state_class=measurement}", {"unit_of_measurement": "lx"}, "{unit_of_measurement=lx}"]
)
def test_a_class_or_an_unknown_unit_says_that_it_is_a_number_too(attributes: object) -> None:
    whole = said(("unavailable", attributes), ("12,5", attributes), ("fog", attributes))
    assert (len(whole.states), len(whole.measurements), len(whole.rejected)) == (0, 0, 1)
    assert (sum(whole.unmapped.values()), whole.n_absent) == (1, 1)


def test_without_a_unit_a_word_is_a_text_a_number_is_unmapped_and_their_order_decides_nothing() -> None:
    for order in permutations([("1", "{}"), ("eco", "{}"), ("none", "{}"), ("unavailable", "{}")]):
        whole = said(*order)
        assert sorted(whole.states["value"]) == ["eco", "none"]
        assert (whole.unmapped, whole.n_absent) == ({"aveiro/sensor_x": 1}, 1)
    whole = said(("1", "{}"), ("unknown", "{}"))
    assert (whole.unmapped, whole.n_absent) == ({"aveiro/sensor_x": 1}, 1)


def test_what_the_catalogue_knows_as_a_state_stays_one_and_what_it_knows_as_a_number_gets_none() -> None:
    whole = said(("error", "{}"), ("none", "{}"), ("unavailable", "{}"), kinds={STATED: Kind.STATE})
    assert (list(whole.states["value"]), whole.n_absent) == (["error", "none"], 1)
    whole = said(("fog", "{}"), ("unavailable", "{}"), ("1", "{}"), kinds={STATED: Kind.STATE, MEASURED: Kind.GAUGE})
    assert (len(whole.states), list(whole.rejected["reason"])) == (0, ["wrong_type"])
    assert (whole.n_absent, whole.unmapped) == (1, {"aveiro/sensor_x": 1})


@pytest.mark.parametrize("kinds", [NO_KINDS, {STATED: Kind.STATE}])
@pytest.mark.parametrize("word", [(), ("error",)])
def test_a_number_of_an_entity_without_a_unit_is_unmapped_whatever_was_said_before(
    kinds: Kinds, word: tuple[str, ...]
) -> None:
    whole = said(*((state, "{}") for state in ("21,5", "21.5 °C", "7", "22.5", *word)), kinds=kinds)
    assert (list(whole.states["value"]), whole.unmapped) == (list(word), {"aveiro/sensor_x": 4})


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("about", ["{device_class=temperature}", {"device_class": "temperature"}])
def test_a_device_class_of_numbers_says_that_a_sensor_without_a_unit_says_numbers(form: str, about: object) -> None:
    for order in permutations([("21.5", about), ("22.5", "{}"), ("n/a", "{}")]):
        whole = said(*order, form=form)
        assert (len(whole.states), whole.unmapped) == (0, {"aveiro/sensor_x": 2})
        assert list(whole.rejected["reason"]) == ["wrong_type"]


@pytest.mark.parametrize("known", ["moon__phase", "enum", "timestamp", "temperature_of_mind"])
def test_another_device_class_leaves_a_sensor_its_texts(known: str) -> None:
    assert list(said(("full_moon", f"{{device_class={known}}}")).states["value"]) == ["full_moon"]


@pytest.mark.parametrize("state", ["unavailable", "unknown", "Unavailable", "", " "])
@pytest.mark.parametrize("kinds", [NO_KINDS, {naming.stated("aveiro", "binary_sensor_x").key: Kind.STATE}])
def test_no_state_of_a_binary_sensor_is_absent_and_counted(state: str, kinds: Kinds) -> None:
    cell = [change(AT.format(2 + n), text, "{device_class=battery}") for n, text in enumerate(["on", state, "off"])]
    account = AccountConfig(homes={"aveiro": ("binary_sensor.x",)})
    whole = concat(normalize([payload(archive([row(binary_sensor_x=cell)]))], DAY, account, kinds))
    assert (list(whole.states["value"]), whole.n_absent, whole.unmapped) == (["on", "off"], 1, {})


def test_states_that_an_older_release_has_made_of_a_sensor_do_not_make_a_text_of_it() -> None:
    whole = said(("21.5", CELSIUS), ("unavailable", CELSIUS), kinds={STATED: Kind.STATE})
    assert list(whole.measurements["value"]) == [21.5]
    assert (len(whole.states), whole.unmapped, whole.n_absent) == (0, {}, 1)


def test_the_account_says_it_before_anybody_else() -> None:
    account = AccountConfig(homes=ACCOUNT.homes, fields={"sensor.x": FieldMeaning("state", "text")})
    assert list(said(("1", "{}"), account=account).states["value"]) == ["1"]


@pytest.mark.parametrize("state", ["x" * 40, "0." + "1" * 500, "9" * 70_000])
def test_a_long_text_is_rejected_quickly(state: str) -> None:
    assert len(said((state, CELSIUS)).rejected) == 1
