"""The twin of the Smart House says what its document and its server's source code say, and every fault can be had."""

import ast
import csv
import http.client
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from defusedxml.ElementTree import fromstring

from sandbox.running import Sandbox, served
from sandbox.smart_house.settings import FAULTS, Settings
from sandbox.smart_house.twin import ROOT, SmartHouse

DAY = {"date_from": "2025-06-03", "date_to": "2025-06-03"}


@dataclass
class Said:
    status: int
    media_type: str
    headers: dict[str, str]
    body: bytes

    @property
    def file(self) -> bytes:
        with zipfile.ZipFile(io.BytesIO(self.body)) as archive:
            assert archive.testzip() is None
            return archive.read(archive.namelist()[0])

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, object]] = json.loads(self.file)
        return found


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with served([SmartHouse(Settings())]) as sandbox:
        yield sandbox


@pytest.fixture
def twin(running: Sandbox) -> SmartHouse:
    running.control.reset()
    found = running.control.twins["smart_house"]
    assert isinstance(found, SmartHouse)
    return found


def ask(running: Sandbox, form: str = "json", query: Mapping[str, object] | None = None, path: str = ROOT) -> Said:
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=20)
    try:
        connection.request("GET", f"{path}/{form}?{urlencode(DAY if query is None else query, doseq=True)}")
        answer = connection.getresponse()
        return Said(answer.status, answer.headers.get_content_type(), dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


def test_an_answer_is_a_zip_with_one_file_named_as_the_real_one(running: Sandbox, twin: SmartHouse) -> None:
    del twin
    said = ask(running, "JsOn")
    assert (said.status, said.media_type) == (200, "application/zip")
    assert said.headers["content-disposition"] == "attachment; filename=crowdsorcerer_extract.json.zip"
    assert zipfile.ZipFile(io.BytesIO(said.body)).namelist() == ["crowdsorcerer_extract.json"]


def test_a_row_is_an_upload_and_a_cell_a_list_of_changes(running: Sandbox, twin: SmartHouse) -> None:
    del twin
    rows = ask(running).rows
    assert {tuple(row[name] for name in ("year", "month", "day")) for row in rows} == {(2025, 6, 3)}
    assert {row["id"] for row in rows} == {0, 1, 2}
    cells = [cell for row in rows for name, cell in row.items() if name.startswith("sensor_mains_power") and cell]
    change = cells[0][0]
    assert list(change) == ["entity_id", "last_changed", "last_updated", "state", "attributes"]
    assert isinstance(change["state"], str)
    assert "unit_of_measurement=W" in change["attributes"]
    assert any(cell is None for row in rows for cell in row.values())


def test_the_three_formats_hold_the_same_rows(running: Sandbox, twin: SmartHouse) -> None:
    twin.configure(is_id_shuffled=False)
    rows = ask(running).rows
    records = list(csv.DictReader(io.StringIO(ask(running, "csv").file.decode())))
    root = fromstring(ask(running, "xml").file)
    assert root.tag == "data"
    elements = [{cell.tag: cell.text for cell in one if cell.tag != "index"} for one in root]
    for row, record, element in zip(rows, records, elements, strict=True):
        for name, cell in row.items():
            if cell is None:
                assert (record[name], element[name]) == ("", None)
            else:
                assert ast.literal_eval(record[name]) == ast.literal_eval(str(element[name])) == cell


def test_rows_of_the_early_server_are_positional_in_json_and_row_objects_in_texts(
    running: Sandbox, twin: SmartHouse
) -> None:
    twin.configure(cells="row")
    cell = next(cell for name, cell in ask(running).rows[0].items() if name.startswith("sensor_") and cell)
    assert isinstance(cell, list)
    assert [type(part) for part in cell[0]] == [str] * 5
    assert b"[Row(entity_id='sensor." in ask(running, "csv").file


def test_the_eras_are_those_of_the_collectors(running: Sandbox, twin: SmartHouse) -> None:
    for era, shape in (
        ("proper", r"2025-06-0\dT\d\d:\d\d:\d\d\.\d{6}\+01:00"),
        ("mangled", r"2025-06-0\dT\d\d:\d\d:\d\d\.\d{6}\.01:00"),
        ("redacted", r"\{\{REDACTED\}\}"),
    ):
        twin.configure(eras=[era])
        times = {
            change["last_updated"]
            for row in ask(running).rows
            for name, cell in row.items()
            if isinstance(cell, list) and name != "id"
            for change in cell
        }
        assert times
        assert all(re.fullmatch(shape, time) for time in times)


def test_ids_differ_from_request_to_request(running: Sandbox, twin: SmartHouse) -> None:
    del twin
    seen = {json.dumps([row["id"] for row in ask(running).rows]) for _ in range(12)}
    assert len(seen) > 1


def test_types_are_first_words_and_an_array_is_repeated_or_cut_at_commas(running: Sandbox, twin: SmartHouse) -> None:
    del twin
    for types in (["sun", "switch"], ["sun,switch"], ["sun_x", "switch_y"]):
        columns = {name.split("_")[0] for row in ask(running, query={**DAY, "types": types}).rows for name in row}
        assert columns == {"id", "year", "month", "day", "sun", "switch"}


def test_units_keep_rows_by_the_first_change_and_bring_every_column(running: Sandbox, twin: SmartHouse) -> None:
    del twin
    rows = ask(running, query={**DAY, "units": "kWh"}).rows
    columns = {name for row in rows for name in row}
    assert {"sensor_kitchen_energy", "sun_sun"} <= columns
    assert "sensor_roof_power" not in columns


def test_nothing_left_is_204_without_a_body_or_a_length(running: Sandbox, twin: SmartHouse) -> None:
    del twin
    said = ask(running, query={**DAY, "units": "GHz"})
    assert (said.status, said.body) == (204, b"")
    assert "content-length" not in said.headers
    assert said.media_type == "application/json"


@pytest.mark.parametrize(
    ("form", "query", "status", "media_type", "words"),
    [
        ("yaml", DAY, 400, "application/json", "Supported formats are: 'xml', 'csv', 'json'."),
        ("json", {"date_from": "soon"}, 400, "application/json", "'date_from' has an incorrect format"),
        ("json", {"date_to": "soon"}, 400, "application/json", "'date_to' has an incorrect format"),
        ("json", {"date_from": "9" * 20}, 500, "application/problem+json", "internal error"),
        ("json/x", DAY, 404, "application/problem+json", "not found"),
    ],
)
def test_refusals_are_those_of_the_server(
    running: Sandbox,
    twin: SmartHouse,
    *,
    form: str,
    query: dict[str, object],
    status: int,
    media_type: str,
    words: str,
) -> None:
    del twin
    said = ask(running, form, query)
    assert (said.status, said.media_type) == (status, media_type)
    assert words in json.loads(said.body)["detail"]


def test_a_parameter_that_nobody_knows_is_ignored(running: Sandbox, twin: SmartHouse) -> None:
    twin.configure(is_id_shuffled=False)
    assert ask(running, query={**DAY, "nonsense": "1"}).rows == ask(running).rows


def test_dates_beyond_yesterday_and_odd_ones_are_taken_without_a_word(running: Sandbox, twin: SmartHouse) -> None:
    twin.configure(last_day="2025-06-03")
    assert ask(running, query={"date_from": "2025-06-03", "date_to": "2999-01-01"}).rows
    assert ask(running, query={"date_from": "2025-06-04", "date_to": "2025-06-09"}).status == 204
    odd = ask(running, query={"date_from": "06/03/2025", "date_to": "2025-06-03", "nonsense": "1"})
    assert {row["day"] for row in odd.rows} == {3}


def test_too_many_columns_are_500(running: Sandbox, twin: SmartHouse) -> None:
    twin.configure(most_columns=5)
    said = ask(running)
    assert said.status == 500
    assert "feature space" in json.loads(said.body)["detail"]
    assert ask(running, query={**DAY, "types": "sun"}).status == 200


def test_a_home_that_deletes_is_gone_from_every_day(running: Sandbox, twin: SmartHouse) -> None:
    assert any("sensor_kitchen_energy" in row for row in ask(running).rows)
    twin.delete("aveiro")
    assert not any("sensor_kitchen_energy" in row for row in ask(running).rows)
    assert not [one for one in twin.truth(1_748_908_800_000, 1_748_995_200_000, {}) if one.labels["home"] == "aveiro"]


@pytest.mark.parametrize(
    "kind", ["zip_cut", "zip_flip", "zip_empty", "zip_bomb", "zip_metadata", "member", "cell", "other_day"]
)
def test_every_fault_of_its_own_changes_the_answer_and_goes_when_it_is_switched_off(
    running: Sandbox, twin: SmartHouse, kind: str
) -> None:
    twin.configure(is_id_shuffled=False)
    plain = ask(running).body
    twin.fault(kind, **({"mib": 1} if kind == "zip_bomb" else {}))
    said = ask(running)
    assert (said.status, said.media_type) == (200, "application/zip")
    assert said.body != plain
    assert twin.clear_faults() == 1
    assert ask(running).body == plain


def test_a_window_can_be_too_wide(running: Sandbox, twin: SmartHouse) -> None:
    assert set(FAULTS) > {"too_wide", "latency", "status", "cut"}
    twin.fault("too_wide", days=2, status=502)
    wide = {"date_from": "2025-06-03", "date_to": "2025-06-05"}
    assert ask(running, query=wide).status == 502
    assert ask(running).status == 200
