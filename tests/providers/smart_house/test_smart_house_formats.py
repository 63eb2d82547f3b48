"""The same uploads through JSON, CSV and XML are the same measurements, in every era of the format."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise, product

import pytest

from domain.errors import PayloadUnreadableError
from domain.measurement import Normalized, concat
from domain.window import Window
from providers.smart_house.normalize import normalize
from providers.smart_house.spec import FORMATS
from tests.providers.smart_house.harness import ACCOUNT, archive, change, labelled, payload, points_of, row, smart_homes

DAY = Window.of_day(date(2025, 6, 9))
AT = "2025-06-03T10:00:00.000000+01:00"
LIST = "[{'last_updated': '2025-06-03T10:00:00+01:00', 'state': '1.5', 'attributes': '{unit_of_measurement=W}'}]"

XML = f"""<?xml version="1.0" encoding="utf-8"?>
<data>
  <row><index>0</index><id>0</id><year>2025</year><month>6</month><day>3</day><sensor_x>{LIST}</sensor_x><light_y/></row>
</data>"""


def lines(whole: Normalized) -> list[tuple[str, ...]]:
    """Row for row, in an order of its own."""
    frames = (whole.measurements, whole.states, whole.rejected)
    return [
        entry
        for frame in frames
        for entry in sorted(zip(*(frame[name].astype(str) for name in frame if name != "payload"), strict=True))
    ]


@pytest.mark.parametrize(("era", "cells"), list(product(("proper", "mangled", "redacted"), ("dict", "row"))))
def test_the_same_home_day_through_json_csv_and_xml_is_the_same_row_for_row(era: str, cells: str) -> None:
    said = {}
    for form in FORMATS:
        with smart_homes(account=replace(ACCOUNT, format=form), eras=(era,), cells=cells) as made:
            whole = made.load(DAY)
            said[form] = lines(whole), whole.unmapped
            truth = made.truth(DAY)
    assert said["json"] == said["csv"] == said["xml"]
    assert not said["json"][1]
    labels = {one.key: labelled(one.labels) for one in whole.series}
    found = {(labels[key], round(at.timestamp() * 1000)) for key, at in points_of(whole)}
    assert found == set(truth)
    assert len(found) > (10 if era == "redacted" else 500)


def test_the_values_are_what_the_homes_meant() -> None:
    with smart_homes() as made:
        whole, truth = made.load(DAY), made.truth(DAY)
    series = {one.key: one for one in whole.series}
    scale = {"kWh": 1000.0, "kW": 1000.0, "%": 0.01}
    for (key, at), value in points_of(whole).items():
        one = series[key]
        meant = truth[labelled(one.labels), round(at.timestamp() * 1000)]
        factor = scale.get(one.provider_unit, 1.0)
        assert value == (meant if isinstance(meant, str) else pytest.approx(meant * factor))


def test_what_is_wrong_with_a_file_is_said_with_its_row() -> None:
    rows = b"id,year,month,day,sensor_x\n0,2025,6,3,[]\n0,2025,6,3,"
    for cell, says in ((b"\xb0C", r"not UTF-8 .*, row 2\)"), (b"5\r6", r"carriage return.*, row 2\)")):
        with pytest.raises(PayloadUnreadableError, match=says):
            list(normalize([payload(archive(rows + cell + b"\n", "csv"), "csv")], DAY, ACCOUNT))


def test_json_is_read_with_its_escapes_and_nulls() -> None:
    body = archive(
        b'[{"id":0,"year":2025,"month":6,"day":3,"sensor_t":[{"last_updated":"2025-06-03T10:00:00+01:00","state":"21.5",'
        b'"attributes":"{unit_of_measurement=\\u00b0C, friendly_name=a\\/b}"}],"light_x":null}]'
    )
    whole = concat(normalize([payload(body)], Window.of_day(date(2025, 6, 3)), ACCOUNT))
    assert list(whole.measurements["value"]) == [21.5]
    assert [one.quantity for one in whole.series] == ["temperature"]


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("csv", f'id,year,month,day,sensor_x,light_y\n0,2025,6,3,"{LIST}",\n'),
        ("csv", f'\ufeffid,year,month,day,sensor_x,light_y\n0,2025,6,3,"{LIST}",\n'),
        ("csv", f'id, year, month, day, sensor_x, light_y\r\r\n0, 2025.0, 6.0, 3.0, "{LIST}", \r\r\n'),
        ("xml", XML),
    ],
)
def test_csv_and_xml_have_python_texts_and_empty_cells(form: str, body: str) -> None:
    said = payload(archive(body.encode(), form), form)
    whole = concat(normalize([said], Window.of_day(date(2025, 6, 3)), ACCOUNT))
    assert list(points_of(whole).values()) == [1.5]
    assert next(at for _, at in points_of(whole)) == datetime(2025, 6, 3, 9, tzinfo=UTC)
    assert not len(whole.rejected)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("json", b"{}"),
        ("json", b"[1]"),
        ("json", b'[{"id":0,"year":2025,"month":6,"day":3,"x":'),
        ("json", b'[{"year":2025,"month":6,"day":3}]'),
        ("json", b'[{"id":0,"year":2025,"month":13,"day":3}]'),
        ("json", b'[{"id":0,"id":1,"year":2025,"month":6,"day":3}]'),
        ("json", b"[" * 5000),
        ("json", b"\xff"),
        ("csv", b""),
        ("csv", b"id,year,month\n0,2025,6\n"),
        ("csv", b"id,year,month,day,x,x\n0,2025,6,3,,\n"),
        ("csv", b'id,year,month,day,x\n0,2025,6,3,"[\n'),
        ("json", b'[{"id":0,"year":2025,"month":6,"day":3},]'),
        ("json", b'[{"id":0,"year":2025,"month":6,"day":3}{"id":1,"year":2025,"month":6,"day":3}]'),
        ("json", b'[{"id":0,"year":2025,"month":6,"day":3}] 1'),
        ("json", b'[{"id":0,"year":2025,"month":6,"day":3},7]'),
        ("json", b'[[{"id":0,"year":2025,"month":6,"day":3}]]'),
        ("json", b'[{"id":0,"year":2025,"month":6,"day":3,"x":[}]}'),
        ("json", b""),
        ("json", b"]"),
        ("csv", b'id,year,month,day,x\n0,2025,6,3,a"b\n'),
        ("csv", b'id,year,month,day,x\n0,2025,6,3,"a"b\n'),
        ("xml", b'<data><row a="1"/></data>'),
        ("csv", b"id,year,month,day,x\n0,2025,6,3,\xff\n"),
        ("xml", b""),
        ("xml", b"<data><row></data>"),
        ("xml", b"<html><body/></html>"),
        ("xml", b"<data><row><id>0</id><id>1</id></row></data>"),
        ("xml", b"<data><row><id>0<b/></id></row></data>"),
        ("xml", b'<?xml version="1.0" encoding="nonsense"?><data/>'),
        ("xml", b'<!DOCTYPE d [<!ENTITY a "b">]><data><row><id>&a;</id></row></data>'),
        ("xml", b'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x"><data/>'),
        ("xml", b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><data><row><id>&x;</id></row></data>'),
    ],
)
def test_a_file_of_another_shape_is_unreadable_and_nothing_else(form: str, body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError):
        list(normalize([payload(archive(body, form), form)], DAY, ACCOUNT))


def test_entities_that_multiply_are_refused_before_they_do() -> None:
    names = "abcdefghij"
    bigger = (f'<!ENTITY {one} "{f"&{smaller};" * 10}">' for smaller, one in pairwise(names))
    bomb = f'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">{"".join(bigger)}]><data>&j;</data>'
    with pytest.raises(PayloadUnreadableError, match="declares what no data needs"):
        list(normalize([payload(archive(bomb.encode(), "xml"), "xml")], DAY, ACCOUNT))


def test_positional_rows_of_another_shape_are_rejected_one_by_one() -> None:
    good = ["sensor.x", AT, AT, "3", "{unit_of_measurement=W}"]
    cells = [good, good[:4], ["{unit_of_measurement=W}", *good[:4]], 7, None, change(AT, "4")]
    body = archive([row(sensor_x=cells)])
    whole = concat(normalize([payload(body)], Window.of_day(date(2025, 6, 3)), ACCOUNT))
    assert sorted(whole.measurements["value"]) == [3.0, 4.0]
    assert list(whole.rejected["reason"]) == ["malformed_row"] * 4
