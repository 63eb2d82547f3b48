"""The environment asks libpq for another encoding, another server or other options: texts arrive as they were sent."""

from pathlib import Path

import pytest

from tests.fakes.points import Said, load, table
from warehouse.store import open_warehouse

TEXT: Said = {("Wärmepumpe/mode", 5): "höher 30 °C"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGSSLMODE", "require"),
        ("PGSERVICE", "nope"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGOPTIONS", "-cfoo=bar"),
        ("PGDATESTYLE", "German"),
    ],
)
def test_a_text_is_stored_as_it_was_sent_and_a_repeat_writes_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with open_warehouse(database, tmp_path) as warehouse:
        assert [load(warehouse, TEXT).n_written for _ in range(3)] == [1, 0, 0]
        assert table(warehouse) == TEXT
