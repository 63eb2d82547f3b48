"""Points of a live stream and loads of the same days: who wins, what is kept, and what no load may take for a loss."""

from datetime import date, datetime, timedelta

import pandas as pd
import pytest

from domain.errors import OverwriteRefusedError, ShrinkRefusedError
from domain.live import LivePoint
from domain.measurement import Normalized
from domain.records import LoadReport, Series
from domain.window import Window
from tests.fakes.points import load
from warehouse.store import TimescaleWarehouse

DAY = Window.of_day(date(2025, 6, 1))
SOURCE = "home"
POWER = Series("77/Power_PV", "power", "77")
STATUS = Series("77/Status", "state", "77")
OTHER = Series("78/Power_PV", "power", "78")
VOLTAGE = Series("77/dcVoltage", "voltage", "77")
HOUR = Series("77/hour/pv-total", "energy", "77", resolution=timedelta(hours=1))


def at(second: float) -> datetime:
    return DAY.start + timedelta(seconds=second)


def live(second: float, value: float | str, series: Series = POWER) -> LivePoint:
    return LivePoint(series, at(second), value)


def exported(
    warehouse: TimescaleWarehouse, said: dict[datetime, float], window: Window = DAY, *, hour: datetime | None = None
) -> LoadReport:
    """Load what an export says of `POWER` inside `window`, and a statistic of the hour that begins at `hour`."""
    keys, instants, values = [POWER.key] * len(said), list(said), list(said.values())
    if hour is not None:
        keys, instants, values = [*keys, HOUR.key], [*instants, hour], [*values, 1.0]
    frame = pd.DataFrame(
        {
            "series": pd.Categorical(keys, categories=pd.Index([POWER.key, HOUR.key], dtype="str")),
            "measured_at": pd.Series(instants, dtype="datetime64[us, UTC]"),
            "value": pd.Series(values, dtype="float64"),
        }
    )
    return load(warehouse, Normalized(series=(POWER, HOUR), measurements=frame), SOURCE, window)


def held(warehouse: TimescaleWarehouse, series: Series = POWER) -> dict[float, float]:
    frame = warehouse.reading.measurements(SOURCE, DAY)
    mine = frame[frame["series"].astype("str") == series.key]
    seconds = (mine["measured_at"] - pd.Timestamp(DAY.start)).dt.total_seconds()
    return dict(zip(seconds.tolist(), mine["value"].tolist(), strict=True))


def changes(warehouse: TimescaleWarehouse) -> list[tuple[str, float]]:
    revisions = warehouse.reading.revisions(SOURCE, DAY)
    return sorted(zip(revisions["change"].tolist(), revisions["value"].tolist(), strict=True))


def test_what_a_stream_says_is_there_at_once_and_a_second_time_changes_nothing(warehouse: TimescaleWarehouse) -> None:
    points = [live(1, 10.0), live(2, 20.0), live(1, "idle", STATUS)]
    first, again = warehouse.live.put(SOURCE, points), warehouse.live.put(SOURCE, points)
    assert (first.n_new, first.n_known) == (3, 0)
    assert (again.n_new, again.n_corrected, again.n_known) == (0, 0, 3)
    assert held(warehouse) == {1: 10.0, 2: 20.0}
    assert warehouse.reading.states(SOURCE, DAY)["value"].tolist() == ["idle"]


def test_of_two_words_of_a_stream_the_last_one_counts(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(1, 10.0), live(1, 11.0)])
    corrected = warehouse.live.put(SOURCE, [live(1, 12.0), live(1, "on", STATUS)])
    assert (corrected.n_new, corrected.n_corrected) == (1, 1)
    assert held(warehouse) == {1: 12.0}


def test_the_same_value_in_the_export_is_unchanged(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(1, 10.0), live(2, 20.0)])
    report = exported(warehouse, {at(1): 10.0, at(2): 20.0})
    assert (report.n_unchanged, report.n_inserted, report.n_changed, report.n_removed) == (2, 0, 0, 0)
    assert changes(warehouse) == []


def test_another_value_in_the_export_wins_with_a_revision(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(1, 10.0)])
    report = exported(warehouse, {at(1): 11.0})
    assert report.n_changed == 1
    assert held(warehouse) == {1: 11.0}
    assert changes(warehouse) == [("changed", 10.0)]


def test_a_stream_never_overrules_an_export(warehouse: TimescaleWarehouse) -> None:
    exported(warehouse, {at(1): 11.0})
    put = warehouse.live.put(SOURCE, [live(1, 10.0)])
    assert (put.n_new, put.n_corrected, put.n_known) == (0, 0, 1)
    assert held(warehouse) == {1: 11.0}


def test_what_a_load_has_confirmed_is_the_exports_from_then_on(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(1, 10.0)])
    exported(warehouse, {at(1): 10.0})
    warehouse.live.put(SOURCE, [live(1, 12.0)])
    assert held(warehouse) == {1: 10.0}


def test_a_point_that_the_export_does_not_say_is_removed_with_a_revision_and_is_no_loss(
    warehouse: TimescaleWarehouse,
) -> None:
    warehouse.live.put(SOURCE, [live(second, float(second)) for second in range(100)])
    said = {at(second + 0.562): float(1000 + second) for second in range(100)}
    report = exported(warehouse, said)
    assert (report.n_inserted, report.n_removed) == (100, 100)
    assert sorted(held(warehouse)) == [second + 0.562 for second in range(100)]
    assert len(changes(warehouse)) == 100


def test_the_same_sample_at_a_finer_time_replaces_a_whole_second_without_a_revision(
    warehouse: TimescaleWarehouse,
) -> None:
    """A stream's whole seconds, cut off or rounded, and the same samples with their milliseconds in the export."""
    warehouse.live.put(SOURCE, [live(second, float(second)) for second in range(100)])
    said = {at(second + (0.2 if second % 2 else -0.3)): float(second) for second in range(1, 100)}
    said[at(100.5)] = 100.0
    report = exported(warehouse, said)
    assert (report.n_inserted, report.n_removed) == (100, 100)
    assert set(held(warehouse).values()) == set(map(float, range(1, 101)))
    assert changes(warehouse) == [("removed", 0.0)]  # the one that the export does not know


def test_a_state_at_a_finer_time_replaces_a_whole_second_without_a_revision_too(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(1, "idle", STATUS), live(2, "on", STATUS)])
    frame = pd.DataFrame(
        {
            "series": pd.Categorical([STATUS.key] * 2),
            "measured_at": pd.Series([at(1.5), at(2.5)], dtype="datetime64[us, UTC]"),
            "value": pd.Series(["idle", "off"], dtype="str"),
        }
    )
    report = load(warehouse, Normalized(series=(STATUS,), states=frame), SOURCE, DAY)
    assert (report.n_inserted, report.n_removed) == (2, 2)
    assert warehouse.reading.states(SOURCE, DAY)["value"].tolist() == ["idle", "off"]
    assert warehouse.reading.revisions(SOURCE, DAY)["text_value"].tolist() == ["on"]


@pytest.mark.parametrize(("heard", "said"), [(1.0, 2.0), (2.0, 1.0), (1.25, 1.5)])
def test_a_sample_a_second_away_or_a_stream_with_fractions_proves_nothing_about_another(
    warehouse: TimescaleWarehouse, heard: float, said: float
) -> None:
    warehouse.live.put(SOURCE, [live(heard, 7.0)])
    exported(warehouse, {at(said): 7.0, at(9): 7.0})
    assert changes(warehouse) == [("removed", 7.0)]


def test_what_an_export_said_is_removed_with_a_revision_however_near_the_next_one_is(
    warehouse: TimescaleWarehouse,
) -> None:
    exported(warehouse, {at(1): 7.0} | {at(second): 0.0 for second in range(10, 20)})
    warehouse.live.put(SOURCE, [live(30, 7.0)])
    exported(warehouse, {at(1.5): 7.0} | {at(second): 0.0 for second in range(10, 20)})
    assert changes(warehouse) == [("removed", 7.0)]


def test_a_point_behind_the_end_of_the_export_stays_and_is_confirmed_later(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(second, float(second)) for second in range(10)])
    early = exported(warehouse, {at(second): float(second) for second in range(5)})
    assert (early.n_unchanged, early.n_removed) == (5, 0)
    assert len(held(warehouse)) == 10
    late = exported(warehouse, {at(second): float(second) for second in range(8)} | {at(20): 1.0})
    assert (late.n_unchanged, late.n_inserted, late.n_removed) == (8, 1, 2)
    assert sorted(held(warehouse)) == [*range(8), 20]


def test_the_end_of_one_device_proves_nothing_about_another(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(1, 1.0, OTHER), live(1, 1.0)])
    report = exported(warehouse, {at(1): 1.0, at(2): 2.0})
    assert report.n_removed == 0
    assert held(warehouse, OTHER) == {1: 1.0}


def test_a_series_that_no_export_names_is_kept_whatever_the_export_says_of_its_device(
    warehouse: TimescaleWarehouse,
) -> None:
    warehouse.live.put(SOURCE, [live(second, 26.3, VOLTAGE) for second in range(100)])
    warehouse.live.put(SOURCE, [live(second, float(second)) for second in range(100)])
    report = exported(warehouse, {at(second): float(second) for second in range(101)})
    assert (report.n_unchanged, report.n_inserted, report.n_removed) == (100, 1, 0)
    assert len(held(warehouse, VOLTAGE)) == 100
    # Nor is it taken for the export's: the stream may still correct it.
    assert warehouse.live.put(SOURCE, [live(1, 27.0, VOLTAGE)]).n_corrected == 1


def test_a_statistic_of_a_later_hour_proves_nothing_about_the_export(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(second, float(second)) for second in range(100)])
    report = exported(warehouse, {at(second): float(second) for second in range(10)}, hour=at(3600))
    assert (report.n_unchanged, report.n_inserted, report.n_removed) == (10, 1, 0)
    assert len(held(warehouse)) == 100


def test_a_load_of_a_span_leaves_the_rest_of_the_day_to_the_stream(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [live(second, float(second)) for second in range(100)])
    exported(warehouse, {at(second): -1.0 for second in range(10, 20)}, Window(at(10), at(20)))
    assert [held(warehouse)[second] for second in (9, 10, 19, 20)] == [9.0, -1.0, -1.0, 20.0]


def test_zeros_over_what_an_export_said_are_refused_beside_points_of_a_stream(warehouse: TimescaleWarehouse) -> None:
    exported(warehouse, {at(second): float(second) for second in range(50)})
    warehouse.live.put(SOURCE, [live(50 + second, float(second)) for second in range(50)])
    with pytest.raises(OverwriteRefusedError, match="of 100 points 49 would become zeros"):
        exported(warehouse, {at(second): 0.0 for second in range(100)})


def test_points_of_an_export_are_still_not_lost_beside_those_of_a_stream(warehouse: TimescaleWarehouse) -> None:
    exported(warehouse, {at(second): 1.0 for second in range(100)})
    warehouse.live.put(SOURCE, [live(1000 + second, 1.0) for second in range(1000)])
    with pytest.raises(ShrinkRefusedError, match="100"):
        exported(warehouse, {at(5000): 1.0})
