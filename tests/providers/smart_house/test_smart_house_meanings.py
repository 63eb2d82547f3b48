"""Units inside a map's text, numbers that are texts, texts that are states, and what nobody knows."""

import pytest

from domain.measurement import Normalized, concat
from providers.smart_house.account import AccountConfig, FieldMeaning
from providers.smart_house.meanings import Attributes, attributes_of
from providers.smart_house.normalize import normalize
from tests.providers.smart_house.harness import DAY, archive, change, payload, points_of, row, smart_homes

AT = "2025-06-03T{:02}:00:00.000000+01:00"


def said(*changes: tuple[object, object], account: AccountConfig | None = None) -> Normalized:
    cell = [change(AT.format(hour), state, attributes) for hour, (state, attributes) in enumerate(changes, 2)]
    return concat(normalize([payload(archive([row(sensor_x=cell)]))], DAY, account or AccountConfig()))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{unit_of_measurement=°C, friendly_name=Temp}", Attributes("°C")),
        ("{friendly_name=a, b, device_class=power, unit_of_measurement=W}", Attributes("W", "power")),
        ("{friendly_name=x=y}, unit_of_measurement=kW}", Attributes("kW")),
        ("{state_class=total_increasing, unit_of_measurement=kWh}", Attributes("kWh", "", "total_increasing")),
        ("{unit_of_measurement=W/m²}", Attributes("W/m²")),
        ("{options=[a, b], rgb={r=1, g=2}, unit_of_measurement=V}", Attributes("V")),
        ("{friendly_name=my unit_of_measurement=W}", Attributes()),
        ("{}", Attributes()),
        ("", Attributes()),
        (None, Attributes()),
        ({"unit_of_measurement": "W", "step": 1}, Attributes("W")),
        ("unit_of_measurement=W", Attributes()),
        # a value that looks like an entry: nobody can tell which one is true
        ("{friendly_name=x, unit_of_measurement=W, unit_of_measurement=kW}", None),
        (7, None),
        # mangled in June 2022
        ("{unit_of_measurement=_, friendly_name=Battery}", Attributes("%")),
        ("{unit_of_measurement=W_m²}", Attributes("W/m²")),
        ("{unit_of_measurement=m³_h}", Attributes("m³/h")),
        ("{unit_of_measurement=kB_s}", Attributes("kB_s")),
    ],
)
def test_a_map_without_escapes_is_read_where_an_entry_can_begin(text: object, meant: Attributes | None) -> None:
    assert attributes_of(text) == meant


@pytest.mark.parametrize(
    ("state", "attributes", "quantity", "value"),
    [
        ("21.5", "{unit_of_measurement=°C}", "temperature", 21.5),
        ("-3", "{unit_of_measurement=kW}", "power", -3000.0),
        ("1e3", "{unit_of_measurement=W}", "power", 1000.0),
        ("55", "{unit_of_measurement=%}", "ratio", 0.55),
        ("55", "{unit_of_measurement=%, device_class=battery}", "state_of_charge", 0.55),
        ("12.5", "{state_class=total_increasing, unit_of_measurement=kWh}", "energy_register", 12500.0),
        ("3.6", "{state_class=total_increasing, unit_of_measurement=GJ}", "energy_register", 1e6),
        ("3", "{state_class=total_increasing, unit_of_measurement=m³}", "volume_register", 3.0),
        ("50", "{unit_of_measurement=°F}", "temperature", 10.0),
    ],
)
def test_a_number_in_a_unit_that_leaves_no_choice_is_measured(
    state: str, attributes: str, quantity: str, value: float
) -> None:
    whole = said((state, attributes))
    assert [one.quantity for one in whole.series] == [quantity]
    assert list(whole.measurements["value"]) == [pytest.approx(value)]


@pytest.mark.parametrize(
    ("state", "attributes", "name"),
    [
        ("21.5", "{friendly_name=x}", "sensor_x"),
        ("21.5", "{unit_of_measurement=kWh}", "sensor_x [kWh]"),  # a register, or a day's energy?
        ("2700", "{unit_of_measurement=K}", "sensor_x [K]"),  # a colour, or a temperature?
        ("3", "{unit_of_measurement=GHz}", "sensor_x [GHz]"),
        ("3", "{unit_of_measurement=W, unit_of_measurement=kW}", "sensor_x"),
    ],
)
def test_a_number_that_nobody_knows_is_unmapped_by_name_and_not_guessed(state: str, attributes: str, name: str) -> None:
    whole = said((state, attributes))
    assert not len(whole.measurements)
    assert not len(whole.rejected)
    assert [(one.partition("/")[2], count) for one, count in whole.unmapped.items()] == [(name, 1)]


@pytest.mark.parametrize("state", ["fog", "Idle", "on", "none", "{{REDACTED}}", "1.2.3", "2025-06-03"])
def test_a_text_is_a_state_of_a_series_of_its_own(state: str) -> None:
    whole = said((state, "{friendly_name=x}"), ("rain", "{friendly_name=x}"))
    assert list(whole.states["value"]) == [state, "rain"] or list(whole.states["value"]) == ["rain", state]
    assert [one.quantity for one in whole.series] == ["state"]
    assert whole.unmapped == {}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("1e999", "not_finite"),
        ("inf", "not_finite"),
        ("-Infinity", "not_finite"),
        ("-300", "out_of_limits"),
        (21.5, "wrong_type"),
        ("fog", "wrong_type"),
        ("on", "wrong_type"),
        ("1_000", "wrong_type"),
        ("٣", "wrong_type"),
        ("21.5 K", "wrong_type"),
        ("1,234", "ambiguous_decimal"),
        (["a"], "wrong_type"),
        ("a\0b", "not_storable_text"),
        ("x" * 70_000, "malformed_row"),
    ],
)
def test_what_is_impossible_is_rejected_and_the_rest_is_not(state: object, reason: str) -> None:
    whole = said((state, "{unit_of_measurement=°C}"), ("5", "{unit_of_measurement=°C}"))
    assert list(whole.rejected["reason"]) == [reason]
    assert list(whole.measurements["value"]) == [5.0]
    assert whole.n_received == 2


def test_a_unit_that_changes_makes_a_series_of_each_and_one_truth() -> None:
    whole = said(("500", "{unit_of_measurement=W}"), ("0.5", "{unit_of_measurement=kW}"))
    assert [one.key.rpartition("/")[2] for one in whole.series] == ["W", "kW"]
    assert list(whole.measurements["value"]) == [500.0, 500.0]


def test_the_account_says_what_a_unit_does_not() -> None:
    account = AccountConfig(fields={"sensor.x": FieldMeaning("energy_register", "Wh")})
    whole = said(("1", "{}"), ("1", "{unit_of_measurement=kWh}"), ("1", "{unit_of_measurement=V}"), account=account)
    assert list(whole.measurements["value"]) == [1.0, 1000.0]
    assert [name.rpartition("/")[2] for name in whole.unmapped] == ["sensor_x [V]"]


def test_units_are_applied_again_because_the_provider_looks_at_the_first_change_alone() -> None:
    with smart_homes(account=AccountConfig(units=("V",))) as made:
        whole = made.load()
        assert made.asked()[0]["query"]["units"] == "V"
    assert {key.rpartition("/")[2] for key, _ in points_of(whole)} == {"V"}
    assert {one.provider_unit for one in whole.series} <= {"V", "text"}
