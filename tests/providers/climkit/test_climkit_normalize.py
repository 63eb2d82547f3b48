"""What Climkit's rows mean, quirk by quirk."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.errors import OutsideWindowError, PayloadUnreadableError
from domain.measurement import Normalized, concat
from domain.records import Payload
from domain.window import Window
from providers.climkit.account import AccountConfig
from providers.climkit.normalize import learn, normalize
from providers.climkit.wire import Site
from tests.providers.climkit.harness import at, values

SITE, METER, ROOF, WATER, SENSOR = (f"{number:024x}" for number in range(1, 6))
DAY = Window.of_day(date(2026, 3, 22))
RECEIVED = datetime(2026, 4, 10, tzinfo=UTC)
INFO = {"name": "House", "timezone": "Europe/Zurich"}
METERS = [
    {
        "id": METER,
        "type": "electricity",
        "mode": "consumption",
        "name": "Flat",
        "prim_ad": "10",
        "is_rule_meter": False,
    },
    {"id": ROOF, "type": "electricity", "mode": "production", "name": "Roof", "prim_ad": 11, "virtual": False},
    {"id": WATER, "type": "cold_water", "mode": "consumption", "name": "Water", "prim_ad": 12},
]
SENSORS = [{"id": SENSOR, "name": "Roof", "type": "temperature", "unit": "°C", "model": "x"}]


def answer(endpoint: str, document: object, window: Window = DAY, **more: Any) -> Payload:
    params = more.pop("params", {"sampling_frequency": "15T"})
    said = {"received_at": RECEIVED, "media_type": "application/json", "proof": "content-length", **more}
    return Payload(
        endpoint=endpoint,
        params=params,
        window=window,
        part=SITE,
        page=1,
        body=json.dumps(document).encode(),
        **said,
    )


LISTS = (
    answer(f"installation_infos/{SITE}", INFO, params={}),
    answer(f"meter_info/{SITE}", METERS, params={}),
    answer(f"{SITE}/sensors_list", SENSORS, params={}),
)
METER_DATA = f"meter_data/{SITE}/{METER}"


def said(
    rows: Sequence[object],
    endpoint: str = METER_DATA,
    window: Window = DAY,
    *,
    asked: Window | None = None,
    account: AccountConfig = AccountConfig(),
    **more: Any,
) -> Normalized:
    """What `rows` mean inside `window`."""
    payload = answer(endpoint, rows, asked or window, **more)
    return concat(normalize([*LISTS, payload], window, account))


def row(text: str, **fields: object) -> dict[str, object]:
    return {**fields, "timestamp": text}


def test_the_recorded_row_is_read_point_by_point() -> None:
    whole = said([row("2026-03-22 05:30:00+01:00", ext=0.028, self=0.001, total=0.029)])

    start = at("2026-03-22T04:15:00")  # the label is the end of a quarter, in the site's own time
    assert values(whole, f"{SITE}/{METER}/total") == {start: 29.0}
    assert values(whole, f"{SITE}/{METER}/self") == {start: 1.0}
    assert values(whole, f"{SITE}/{METER}/ext") == {start: 28.0}
    described = {series.key: series for series in whole.series}[f"{SITE}/{METER}/total"]
    assert (described.quantity, described.provider_unit, described.site) == ("energy", "kWh", "House")
    assert (described.resolution, described.time_zone) == (timedelta(minutes=15), "Europe/Zurich")
    assert described.labels == {
        "endpoint": "meter_data",
        "site": SITE,
        "meter": METER,
        "type": "electricity",
        "mode": "consumption",
        "name": "Flat",
        "field": "total",
        "sampling_frequency": "15T",
    }


@pytest.mark.parametrize("frequency", ["H", "D", "M", "Y"])
def test_only_quarters_are_labelled_by_their_ends(frequency: str) -> None:
    year = Window(at("2025-01-01T00:00:00"), at("2026-01-01T00:00:00"))
    whole = said(
        [row("2025-01-01 01:00:00+01:00", total=1.0)],
        window=year,
        params={"sampling_frequency": frequency},
    )

    assert list(values(whole, f"{SITE}/{METER}/total/{frequency}")) == [at("2025-01-01T00:00:00")]
    (described,) = whole.series
    assert described.labels["sampling_frequency"] == frequency
    assert described.resolution == {"H": timedelta(hours=1), "D": timedelta(days=1)}.get(frequency)


def test_two_quarters_of_autumn_differ_by_their_offset_alone() -> None:
    day = Window.of_day(date(2026, 10, 25))
    rows = [row("2026-10-25 02:15:00+02:00", total=0.1), row("2026-10-25 02:15:00+01:00", total=0.2)]

    whole = said(rows, window=day, received_at=datetime(2026, 11, 1, tzinfo=UTC))

    assert values(whole, f"{SITE}/{METER}/total") == {
        at("2026-10-25T00:00:00"): 100.0,
        at("2026-10-25T01:00:00"): 200.0,
    }
    assert (whole.n_duplicates, len(whole.rejected)) == (0, 0)


@pytest.mark.parametrize("text", ["2026-03-22 05:30:00", "2026-03-22T05:30:00", "2026-03-22 05:30", "2026-03-22"])
def test_a_time_without_an_offset_is_refused_and_never_guessed(text: str) -> None:
    with pytest.raises(PayloadUnreadableError, match="offset"):
        said([row(text, total=1.0)])


def test_float_dust_is_no_difference_and_whole_numbers_are_numbers() -> None:
    dusty = [row("2026-03-22 05:30:00+01:00", total=0.07000000000000006), row("2026-03-22 05:45:00+01:00", total=0)]
    clean = [row("2026-03-22 05:30:00+01:00", total=0.07), row("2026-03-22 05:45:00+01:00", total=0.0)]

    assert list(said(dusty).measurements["value"]) == list(said(clean).measurements["value"]) == [70.0, 0.0]


def test_a_negative_night_stays() -> None:
    whole = said([row("2026-03-22 02:30:00+01:00", total=-0.012)], f"meter_data/{SITE}/{ROOF}")

    assert list(whole.measurements["value"]) == [-12.0]
    assert len(whole.rejected) == 0


def test_the_sites_undocumented_keys_are_catalogued() -> None:
    fields = {"conso_total": 1.0, "storage_charging_total": 0.2, f"self_{METER}": 0.3, f"total_{ROOF}": 0.4}
    whole = said([row("2026-03-22 05:30:00+01:00", **fields)], f"site_data/{SITE}/electricity")

    found = {series.key: (series.device, series.labels) for series in whole.series}
    device, labels = found[f"{SITE}/electricity/self_{METER}"]
    assert set(found) == {f"{SITE}/electricity/{name}" for name in fields}
    assert (device, labels["meter"], labels["field"]) == (f"{SITE}/{METER}", METER, "self")
    assert labels["copy_of"] == f"{SITE}/{METER}/self"  # a meter's own data say the same
    assert whole.unmapped == {}


def test_an_unknown_key_is_tolerated_and_counted_by_name() -> None:
    whole = said([row("2026-03-22 05:30:00+01:00", total=1.0, tariff=2, note="x")])

    assert len(whole.measurements) == 1
    assert whole.unmapped == {"meter_data of electricity/tariff": 1, "meter_data of electricity/note": 1}


def test_a_meter_of_an_unknown_type_is_refused_by_name() -> None:
    gas = answer(f"meter_info/{SITE}", [{**METERS[0], "type": "gas"}], params={})
    payload = answer(METER_DATA, [row("2026-03-22 05:30:00+01:00", total=1.0)])

    whole = concat(normalize([LISTS[0], gas, LISTS[2], payload], DAY, AccountConfig()))

    assert (len(whole.measurements), whole.unmapped) == (0, {"meter_data of gas/total": 1})


def test_water_is_volume() -> None:
    whole = said([row("2026-03-22 05:30:00+01:00", total=0.012)], f"meter_data/{SITE}/{WATER}")

    assert [(one.quantity, one.provider_unit) for one in whole.series] == [("volume", "m³")]
    assert list(whole.measurements["value"]) == [0.012]


def test_raw_rows_are_readings_of_registers_at_their_instant() -> None:
    raw = [row("2026-03-22 05:30:00+01:00", en_im=1234.567, en_ex=0)]
    whole = said(raw, f"meter_data_raw/{SITE}/{METER}")

    assert values(whole, f"{SITE}/{METER}/en_im") == {at("2026-03-22T04:30:00"): 1_234_567.0}
    assert {one.quantity for one in whole.series} == {"energy_register"}
    heat = said([row("2026-03-22 05:30:00+01:00", heat_energy_kwh=2.0, vol_m3=3.5)], f"meter_data_raw/{SITE}/{WATER}")
    assert {one.quantity: one.provider_unit for one in heat.series} == {
        "energy_register": "kWh",
        "volume_register": "m³",
    }


SENSOR_DATA = f"{SITE}/sensor_data/{SENSOR}"
NOON = int(at("2026-03-22T12:00:00").timestamp())


@pytest.mark.parametrize("factor", [1, 1000])
def test_the_size_of_a_sensors_epoch_says_its_unit(factor: int) -> None:
    whole = said([{"timestamp": NOON * factor, "value": 21}], SENSOR_DATA, params={})

    assert values(whole, f"{SITE}/{SENSOR}/value") == {at("2026-03-22T12:00:00"): 21.0}


def test_a_sensors_epoch_in_an_ambiguous_unit_is_refused() -> None:
    with pytest.raises(PayloadUnreadableError, match="seconds"):
        said([{"timestamp": time, "value": 1} for time in (NOON, NOON * 1000 + 1)], SENSOR_DATA, params={})


def test_a_meter_of_two_types_and_a_sensor_of_two_units_are_refused_by_name() -> None:
    for place, listed, other in (
        (f"meter_info/{SITE}", METERS[2], {"type": "electricity"}),
        (f"{SITE}/sensors_list", SENSORS[0], {"unit": "K"}),
    ):
        again = answer(place, [listed, {**listed, "name": "again"}], params={})
        site = learn(Site(SITE), again, AccountConfig())
        assert [one.name for one in ((site.meters or site.sensors) or {}).values()] == ["again"]
        twice = answer(place, [listed, {**listed, **other}], params={})
        with pytest.raises(PayloadUnreadableError, match=f"{listed['id']} twice"):
            list(normalize([LISTS[0], twice], DAY, AccountConfig()))


LOST = [0, 7, 86_400, 946_684_800, 315_532_800, 946_684_800_000, 946_684_860_000, 315_964_800_000]
AHEAD = [2_085_978_496, 2**31 - 1, 2**32 - 1, 253_402_300_799, 253_402_300_799_000]  # 2036, 2038, 2106, 9999
NO_CLOCK = [-62_135_596_800, -7, NOON * 60, NOON * 10**6]


@pytest.mark.parametrize("lost", LOST + AHEAD + NO_CLOCK)
def test_a_sensor_that_lost_its_clock_is_rejected_row_by_row(lost: int) -> None:
    alone = said([{"timestamp": lost, "value": 1}], SENSOR_DATA, params={})
    assert list(alone.rejected["reason"]) == ["implausible_time"]
    rows = [{"timestamp": lost, "value": 1}, {"timestamp": NOON, "value": 21}]
    beside = said(rows, SENSOR_DATA, params={})
    assert values(beside, f"{SITE}/{SENSOR}/value") == {at("2026-03-22T12:00:00"): 21.0}
    assert list(beside.rejected["reason"]) == ["implausible_time"]


def test_a_sensor_of_an_unknown_unit_is_unmapped_until_the_account_says_what_it_is() -> None:
    odd = answer(f"{SITE}/sensors_list", [{**SENSORS[0], "type": "iaq", "unit": "points"}], params={})
    payloads = [*LISTS[:2], odd, answer(SENSOR_DATA, [{"timestamp": NOON, "value": 40}], params={})]

    unknown = concat(normalize(payloads, DAY, AccountConfig()))
    named = concat(normalize(payloads, DAY, AccountConfig(sensors={"iaq": ("ratio", "%")})))

    assert unknown.unmapped == {"sensor iaq in points/value": 1}
    assert list(named.measurements["value"]) == [0.4]


def test_rows_at_the_ends_of_the_question_belong_to_one_window_alone() -> None:
    two = Window.of_days(date(2026, 3, 22), date(2026, 3, 23))
    texts = ["2026-03-22 01:00:00+01:00", "2026-03-23 01:00:00+01:00", "2026-03-24 01:00:00+01:00"]
    rows = [row(text, total=1.0) for text in texts]

    first = said(rows, asked=two)
    second = said(rows, window=Window.of_day(date(2026, 3, 23)), asked=two)

    assert list(values(first, f"{SITE}/{METER}/total")) == [at("2026-03-22T23:45:00")]
    assert list(values(second, f"{SITE}/{METER}/total")) == [at("2026-03-23T23:45:00")]


@pytest.mark.parametrize("text", ["2026-03-20 12:00:00+01:00", "2026-03-24 12:00:00+01:00"])
def test_rows_that_nobody_asked_for_are_an_error(text: str) -> None:
    with pytest.raises(OutsideWindowError):
        said([row("2026-03-22 05:30:00+01:00", total=1.0), row(text, total=1.0)])


def test_a_day_that_is_not_over_is_left_out() -> None:
    window = Window(at("2026-03-20T00:00:00"), at("2026-03-24T00:00:00"))
    rows = [row("2026-03-21 00:00:00+01:00", total=1.0), row("2026-03-22 00:00:00+01:00", total=0.5)]

    whole = said(rows, window=window, params={"sampling_frequency": "D"}, received_at=at("2026-03-22T22:59:59"))

    assert list(values(whole, f"{SITE}/{METER}/total/D")) == [at("2026-03-20T23:00:00")]


def test_the_same_row_twice_counts_once_and_a_contradiction_not_at_all() -> None:
    text = "2026-03-22 05:30:00+01:00"
    same = said([row(text, total=1.0), row(text, total=1.00000000001)])
    contrary = said([row(text, total=1.0), row(text, total=2.0)])

    assert (len(same.measurements), same.n_duplicates, len(same.rejected)) == (1, 1, 0)
    assert list(contrary.rejected["reason"]) == ["ambiguous_identity"] * 2
    assert len(contrary.measurements) == 0


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"total": "---"}, "wrong_type"),
        ({"total": True}, "wrong_type"),
        ({"total": 1e12}, "out_of_limits"),
        ({"total": float("inf")}, "not_finite"),
        ({"total": 10**400}, "not_finite"),
    ],
)
def test_an_impossible_cell_is_rejected_and_its_neighbours_stay(cells: dict[str, object], reason: str) -> None:
    whole = said([row("2026-03-22 05:30:00+01:00", ext=1.0, **cells)])

    assert list(whole.rejected["reason"]) == [reason]
    assert len(whole.measurements) == 1


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (None, "no_time"),
        (5, "wrong_type"),
        ("soon", "wrong_type"),
        ("2026-02-31 01:00:00+01:00", "implausible_time"),
        ("1970-01-01 00:00:00+00:00", "implausible_time"),
        ("2999-01-01 00:00:00+00:00", "implausible_time"),
    ],
)
def test_a_row_without_a_usable_time_is_rejected_once_whatever_day_is_loaded(time: object, reason: str) -> None:
    two = Window.of_days(date(2026, 3, 22), date(2026, 3, 23))
    rows = [{"total": 1.0, "timestamp": time}, row("2026-03-22 05:30:00+01:00", total=1.0)]

    first = said(rows, asked=two)
    second = said(rows, window=Window.of_day(date(2026, 3, 23)), asked=two)

    assert list(first.rejected["reason"]) == [reason]
    assert (len(first.measurements), len(second.rejected)) == (1, 0)


def test_a_row_without_a_usable_time_belongs_to_the_day_of_the_row_before_it() -> None:
    two = Window.of_days(date(2026, 3, 22), date(2026, 3, 23))
    rows = [row("2026-03-22 05:30:00+01:00", total=1.0), row("2026-03-23 05:30:00+01:00", total=1.0)]

    whole = [*rows, {"total": 1.0, "timestamp": None}, 5]
    first, second = (said(whole, window=Window.of_day(day), asked=two) for day in two.days())

    assert (len(first.rejected), list(second.rejected["reason"])) == (0, ["no_time", "malformed_row"])


def test_null_is_absent_and_never_zero() -> None:
    whole = said([row("2026-03-22 05:30:00+01:00", total=None, self=None, ext=0.5)])

    assert [one.key for one in whole.series] == [f"{SITE}/{METER}/ext"]


def test_an_answer_without_the_lists_that_say_what_it_is_is_unreadable() -> None:
    payload = answer(METER_DATA, [row("2026-03-22 05:30:00+01:00", total=1.0)])

    with pytest.raises(PayloadUnreadableError, match="lists"):
        list(normalize([payload, *LISTS[:1]], DAY, AccountConfig()))


@pytest.mark.parametrize("document", [{}, "x", None, 5, {"error": "no"}])
def test_an_answer_that_is_no_list_is_unreadable(document: object) -> None:
    with pytest.raises(PayloadUnreadableError):
        list(normalize([*LISTS, answer(METER_DATA, document)], DAY, AccountConfig()))


@pytest.mark.parametrize("odd", [5, "x", [], True, None])
def test_a_row_that_is_no_object_is_rejected_once_whatever_day_is_loaded(odd: object) -> None:
    two = Window.of_days(date(2026, 3, 22), date(2026, 3, 23))
    rows = [odd, row("2026-03-22 05:30:00+01:00", total=1.0)]

    first = said(rows, asked=two)
    second = said(rows, window=Window.of_day(date(2026, 3, 23)), asked=two)

    assert list(first.rejected["reason"]) == ["malformed_row"]
    assert (len(first.measurements), len(second.rejected)) == (1, 0)
