"""An account that could not work is refused before any request, in one sentence."""

from typing import Any

import pytest

from domain.errors import ConfigurationError
from providers.export_service.account import AccountConfig, FieldMeaning


@pytest.mark.parametrize(
    ("wrong", "culprit"),
    [
        ({"organization": " "}, "the organization is empty"),
        ({"time_field": ""}, "time_field is empty"),
        ({"products": ()}, "products is an empty list"),
        ({"products": ("a", "a")}, "the product 'a' is named twice"),
        ({"products": ("a/b",)}, "the product 'a/b' is no product name"),
        ({"products": ("",)}, "the product '' is no product name"),
        ({"fields": {"x": FieldMeaning("powr", "kW")}}, "the quantity 'powr' is unknown"),
        ({"fields": {"x": FieldMeaning("power", "kw")}}, "the unit 'kw' is unknown"),
        ({"fields": {"x": FieldMeaning("power", "kWh")}}, "the unit 'kWh' does not measure power"),
        ({"fields": {"": FieldMeaning("power", "kW")}}, "the field '' is no field name"),
        ({"fields": {"/x": FieldMeaning("power", "kW")}}, "the field '/x' is no field name"),
        ({"fields": {"timestamp": FieldMeaning("power", "kW")}}, "the field 'timestamp' is the timestamp"),
        ({"products": ("a",), "fields": {"b/x": FieldMeaning("power", "kW")}}, "the field 'b/x' names the product 'b'"),
        ({"products": ("a",), "identity": {"b": ("v",)}}, "identity names the product 'b'"),
        ({"identity": {"*": ("timestamp",)}}, "the identity of * holds the timestamp"),
        ({"identity": {"*": ("v", "v")}}, "an empty or a repeated field"),
        ({"identity": {"*": ("",)}}, "an empty or a repeated field"),
    ],
)
def test_a_wrong_account_is_refused_by_its_culprit(wrong: dict[str, Any], culprit: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AccountConfig(**{"organization": "hub", **wrong})
    assert caught.value.culprit.startswith(culprit) or culprit in caught.value.culprit
    assert str(caught.value).count(". ") == 0


def test_the_longer_key_of_a_field_wins_over_the_shorter_and_both_over_the_suffix() -> None:
    account = AccountConfig(
        "hub", fields={"P_kW": FieldMeaning("power", "W"), "grid/P_kW": FieldMeaning("power", "MW")}
    )
    units = [(account.meaning(product, "P_kW") or ("",))[0] for product in ("grid", "other")]
    assert units == ["MW", "W"]
    assert (AccountConfig("hub").meaning("grid", "P_kW") or ("",))[0] == "kW"


def test_a_product_may_have_an_identity_of_its_own_or_none() -> None:
    account = AccountConfig("hub", identity={"*": ("vehicle",), "grid": ()})
    assert account.identity_of("evs") == ("vehicle",)
    assert account.identity_of("grid") == ()
    assert AccountConfig("hub").identity_of("grid") == ()
