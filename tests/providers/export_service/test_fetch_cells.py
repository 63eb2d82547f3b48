"""Wrong cells and wrong documents of the Export Service, over HTTP, and what must come of them."""

import pytest

from domain.errors import PayloadUnreadableError
from tests.providers.export_service.harness import EXPECTED_35, Hub


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ('"n/a"', "wrong_type"),
        ('"1.5"', "wrong_type"),
        ("true", "wrong_type"),
        ("[1.5]", "wrong_type"),
        ("Infinity", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e999", "not_finite"),
        ("1e15", "out_of_limits"),
        ("18446744073709551617", "out_of_limits"),
    ],
)
def test_a_wrong_cell_is_quarantined_with_its_reason_and_the_rest_is_loaded(served: Hub, raw: str, reason: str) -> None:
    served.twin.fault("cell", field="P_kW", raw=raw, page=2)
    batch = served.load()
    assert list(batch.rejected["reason"]) == [reason]
    assert len(batch.measurements) == 34


@pytest.mark.parametrize("raw", ["null", "{}", "NaN"])
def test_an_absent_cell_is_no_value(served: Hub, raw: str) -> None:
    served.twin.fault("cell", field="P_kW", raw=raw, page=1)
    assert served.values() == EXPECTED_35[1:]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [("1748736000", "implausible_time"), ('"2025-06-01T00:00:00"', "wrong_type"), ("null", "no_time")],
)
def test_a_wrong_timestamp_is_quarantined(served: Hub, raw: str, reason: str) -> None:
    served.twin.fault("cell", field="timestamp", raw=raw, page=1)
    batch = served.load()
    assert list(batch.rejected["reason"]) == [reason]
    assert len(batch.measurements) == 34


def test_a_field_that_appears_overnight_is_loaded_or_counted_by_name(served: Hub) -> None:
    served.twin.fault("extra_field", field="Q_kvar", raw="1.5", page=1)
    assert len(served.load().measurements) == 36
    served.twin.clear_faults()
    served.twin.fault("extra_field", field="energy_kWh", raw="1.5", page=1)
    assert served.load().unmapped == {"grid/energy_kWh": 1}


def test_a_text_with_a_nul_is_quarantined(served: Hub) -> None:
    served.twin.fault("extra_field", field="mode", raw=r'"a\u0000b"', page=1)
    assert list(served.load().rejected["reason"]) == ["not_storable_text"]


def test_a_key_that_comes_twice_is_refused_by_name(served: Hub) -> None:
    served.twin.fault("duplicate_keys", field="P_kW", page=1)
    with pytest.raises(PayloadUnreadableError, match="'P_kW' twice"):
        served.fetch()


def test_a_hundred_thousand_levels_of_nesting_are_refused(served: Hub) -> None:
    served.twin.fault("deep_nesting")
    with pytest.raises(PayloadUnreadableError, match="levels deep"):
        served.fetch()


def test_a_byte_order_mark_is_passed_and_utf_16_is_refused(served: Hub) -> None:
    served.twin.fault("bom")
    assert served.values() == EXPECTED_35
    served.twin.clear_faults()
    served.twin.fault("utf16")
    with pytest.raises(PayloadUnreadableError):
        served.fetch()
