"""What a person edits at a twin: rows in their window, and settings among their choices."""

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.edits import Row, RowEdits, apply_edits
from sandbox.export_service.settings import Settings as ExportServiceSettings
from sandbox.instants import iso_text
from sandbox.servitly.settings import Settings as ServitlySettings
from sandbox.settings import SettingError, TwinSettings
from sandbox.smart_house.settings import Settings as SmartHouseSettings
from sandbox.voltstorage.exporting import ExportFormat


def test_edits_change_the_rows_of_their_own_series_and_window_alone() -> None:
    edits = RowEdits()
    rows: list[Row] = [(10, {"a": 1.0}), (20, {"a": 2.0}), (30, {"a": 3.0})]
    edits.put("one", 20, None)
    edits.put("one", 25, {"a": 9.0})
    edits.put("one", 40, {"a": 4.0})
    assert edits.applied("one", rows, 10, 40) == [(10, {"a": 1.0}), (25, {"a": 9.0}), (30, {"a": 3.0})]
    assert edits.applied("two", rows, 10, 40) == rows
    edits.reset()
    assert edits.applied("one", rows, 10, 40) == rows


def test_an_edit_that_is_written_differently_says_how_it_is_written() -> None:
    put: dict[int, Mapping[str, float | str] | None] = {}
    body = {"put": [{"at": 1, "cells": {"a": 1.0}}], "remove": [2]}
    assert apply_edits(body, put.__setitem__, "AN EXAMPLE") == {"put": 1, "removed": 1}
    assert put == {1: {"a": 1.0}, 2: None}
    with pytest.raises(SettingError, match="a row is written AN EXAMPLE"):
        apply_edits({"put": [{"cells": {}}]}, put.__setitem__, "AN EXAMPLE")


@pytest.mark.parametrize(
    ("settings", "changes", "sentence"),
    [
        (ExportServiceSettings(), {"product_semantics": {"a": "offset", "b": "never"}}, "scroll, search_after, offset"),
        (ServitlySettings(), {"busy_status": 418}, "busy_status cannot be 418; it is one of 400, 409, 429"),
        (SmartHouseSettings(), {"eras": ["proper", "dark"]}, "proper, mangled, redacted"),
        (SmartHouseSettings(), {"eras": []}, "proper, mangled, redacted"),
    ],
)
def test_a_setting_outside_its_choices_is_refused_with_the_choices(
    settings: TwinSettings, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingError, match=sentence):
        settings.changed(changes)


def test_an_export_without_a_time_zone_writes_z_and_one_at_offset_zero_writes_the_offset() -> None:
    form = ExportFormat(("a",), None, 6, 0.0, ",")
    assert form.time(1_500) == iso_text(1_500) == "1970-01-01T00:00:01.500Z"
    assert ExportFormat(("a",), 0, 6, 0.0, ",").time(1_500) == "1970-01-01T00:00:01.500+00:00"
    assert ExportFormat(("a",), -90, 6, 0.0, ",").time(1_500) == "1969-12-31T22:30:01.500-01:30"
