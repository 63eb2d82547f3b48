"""Which columns of a header are one, and what their brackets hold."""

from dataclasses import replace

import pytest

from domain.errors import PayloadUnreadableError
from providers.servitly.account import FieldMeaning
from tests.providers.servitly.test_servitly_meaning import ACCOUNT, T, one, values


def test_two_columns_that_differ_by_a_blank_are_one_name_twice() -> None:
    for other in (" P [W]", "P[W]", "P  [ W ]"):
        with pytest.raises(PayloadUnreadableError, match="twice"):
            one(f"TIMESTAMP,P [W],{other}\n{T},1,2\n")


@pytest.mark.parametrize("header", ["Power[W]", "Power  [W]", "Power [ W ]", "Power\u00a0[W]"])
def test_a_unit_in_brackets_is_one_however_it_is_spaced_and_makes_no_other_series(header: str) -> None:
    assert values(one(f"TIMESTAMP,{header}\n{T},5\n")) == [("B1/Power [W]", 0, 5.0)]
    assert values(one(f"TIMESTAMP;{header}\n{T};1.234,5 W\n")) == [("B1/Power [W]", 0, 1234.5)]


def test_what_stands_in_brackets_right_behind_a_name_is_no_unit_where_nobody_knows_it_or_the_account_explains_all() -> (
    None
):
    assert one(f"TIMESTAMP,Phase[1],Speed[rpm]\n{T},5,6\n").unmapped == {"B1/Phase[1]": 1, "B1/Speed[rpm]": 1}
    account = replace(ACCOUNT, fields={"Power[W]": FieldMeaning("power", "kW")})
    assert values(one(f"TIMESTAMP,Power[W]\n{T},5\n", account)) == [("B1/Power[W]", 0, 5000.0)]


@pytest.mark.parametrize("are_units_included", [False, True])
def test_columns_that_only_look_alike_are_two_where_their_brackets_hold_no_unit(are_units_included: bool) -> None:
    fields = {"G [a]": FieldMeaning("power", "W"), "G[a]": FieldMeaning("power", "kW")}
    account = replace(ACCOUNT, are_units_included=are_units_included, fields=fields)
    found = one(f"TIMESTAMP,G [a],G[a]\n{T},5,6\n", account)
    without_units = [("B1/G [a]", 0, 5.0), ("B1/G[a]", 0, 6000.0)]
    assert values(found) == without_units[are_units_included:]
    assert found.unmapped == ({"B1/G [a]": 1} if are_units_included else {})  # `a` is no unit that anybody knows
    with pytest.raises(PayloadUnreadableError, match=r"has the column 'G \[a\]' twice"):
        one(f"TIMESTAMP,G [a], G [a]\n{T},5,6\n", account)
