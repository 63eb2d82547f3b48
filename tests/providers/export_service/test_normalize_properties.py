"""Every value is a point, a rejected value, a duplicate or unmapped, and none is lost, whatever is sent."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ProviderError
from providers.export_service.account import AccountConfig
from tests.providers.export_service.harness import EACH_VEHICLE, NOON, PLAIN, PRODUCT, meant, points

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.integers(-100, 100)
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.sampled_from(["U_V", "x"]), st.integers(0, 3) | st.text(max_size=2), max_size=2)
)
DOCUMENTS = st.fixed_dictionaries(
    {"timestamp": st.integers(NOON, NOON + 5) | st.sampled_from([None, "x", 0, NOON + 0.5, float(NOON)])},
    optional=dict.fromkeys(("P_kW", "vehicle", "mode", "n", "nested"), VALUES),
)


def n_values(document: Mapping[str, Any], apart: Sequence[str]) -> int:
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat.update((f"{name}.{inner}", its) for inner, its in value.items())
        else:
            flat[name] = value
    # Not-a-number is sent where nothing was measured, and equals nothing, itself included.
    said = {name for name, value in flat.items() if value is not None and value == value}  # noqa: PLR0124
    return len(said - set(apart))


@given(st.lists(DOCUMENTS, max_size=12), st.sampled_from([PLAIN, EACH_VEHICLE]), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_every_value_is_accounted_for_in_any_order(
    rows: list[dict[str, Any]], account: AccountConfig, shuffler: random.Random
) -> None:
    apart = ("timestamp", *account.identity_of(PRODUCT))
    batch = meant(rows, account)
    # A rejected document without any value is one entry of its own.
    n_empty = sum('" of {' not in raw for raw in batch.rejected["raw"])
    total = sum(n_values(row, apart) for row in rows)
    assert batch.n_received - n_empty + sum(batch.unmapped.values()) == total
    shuffled = shuffler.sample(rows, len(rows))
    again = meant(shuffled, account)
    assert points(again.measurements) == points(batch.measurements)
    assert points(again.states) == points(batch.states)
    assert sorted(again.rejected["reason"]) == sorted(batch.rejected["reason"])
    assert (again.n_duplicates, again.unmapped) == (batch.n_duplicates, batch.unmapped)


@given(
    st.lists(st.recursive(VALUES, lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3)), max_size=5)
)
@settings(max_examples=100, deadline=None)
def test_no_document_makes_anything_but_a_batch_or_an_error_of_ours(rows: list[Any]) -> None:
    try:
        meant(rows)
    except ProviderError as error:
        assert "grid" in error.place  # noqa: PT017 - either outcome is right
