"""Units are converted once, exactly, and never guessed."""

import pytest

from domain.errors import ConfigurationError
from domain.quantities import QUANTITIES, Kind, conversion, units_of


@pytest.mark.parametrize(
    ("quantity", "unit", "given", "expected"),
    [
        ("power", "kW", 1.5, 1500.0),
        ("energy", "kWh", 0.25, 250.0),
        ("energy", "Ws", 22_079_844, 6133.29),
        ("temperature", "K", 273.15, 0.0),
        ("temperature", "°F", 212.0, 100.0),
        ("state_of_charge", "%", 61.0, 0.61),
        ("pressure", "bar", 1.0, 100_000.0),
    ],
)
def test_a_unit_becomes_the_canonical_one(quantity: str, unit: str, given: float, expected: float) -> None:
    rule = conversion(quantity, unit, place="a test")
    assert given * rule.factor + rule.offset == pytest.approx(expected, rel=1e-6)


def test_an_unknown_unit_is_refused_by_name_with_the_ones_that_fit() -> None:
    with pytest.raises(ConfigurationError, match=r"the unit 'hp' is unknown \(assets/acme/defs.yaml\): use one .*kW"):
        conversion("power", "hp", place="assets/acme/defs.yaml")


def test_an_unknown_quantity_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="the quantity 'oomph' is unknown"):
        conversion("oomph", "kW", place="assets/acme/defs.yaml")


def test_a_unit_of_another_quantity_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'kWh' does not measure power"):
        conversion("power", "kWh", place="assets/acme/defs.yaml")


@pytest.mark.parametrize("name", sorted(QUANTITIES))
def test_every_quantity_has_its_own_unit_and_possible_values(name: str) -> None:
    quantity = QUANTITIES[name]
    assert quantity.unit in units_of(quantity)
    assert quantity.kind is Kind.STATE or quantity.low < quantity.high
    assert conversion(name, quantity.unit, place="a test").factor == 1
