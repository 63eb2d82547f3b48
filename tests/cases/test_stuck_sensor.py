"""One sensor of twelve says its “no sensor” value all day: it costs its own points, and nobody else's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from assets.steps import land, load
from providers.export_service.account import FieldMeaning
from tests.providers.export_service.harness import ACCOUNT, DAY, MIDNIGHT, PRODUCT, Document, hub
from warehouse.store import open_warehouse

N_BATTERIES, N_TIMES = 12, 120  # more rows than are ever let pass
N_ALL = 2 * N_BATTERIES * N_TIMES  # power and temperature
STUCK = 7


def documents() -> Iterator[Document]:
    for n in range(N_TIMES):
        for battery in range(N_BATTERIES):
            temperature = -3276.8 if battery == STUCK else 21.5
            at = MIDNIGHT + n * 720_000
            yield {"device": f"b{battery}", "P_kW": 1.0 + battery, "temperature_degC": temperature, "timestamp": at}


@pytest.mark.parametrize(
    ("meaning", "n_points", "n_rejected"),
    [
        pytest.param(None, N_ALL - N_TIMES, N_TIMES, id="as it is"),
        pytest.param(FieldMeaning("count", "1"), N_ALL - N_TIMES, N_TIMES, id="mapped to a count"),
        pytest.param(FieldMeaning("ratio", "1"), N_ALL // 2, N_ALL // 2, id="mapped to a ratio, which none of them is"),
    ],
)
def test_what_a_stuck_sensor_says_is_quarantined_and_the_others_day_is_loaded(
    database: str, tmp_path: Path, meaning: FieldMeaning | None, n_points: int, n_rejected: int
) -> None:
    fields = {} if meaning is None else {"temperature_degC": meaning}
    account = replace(ACCOUNT, identity={PRODUCT: ("device",)}, fields=fields)
    with (
        hub(list(documents()), account=account, page_rows=10_000) as made,
        open_warehouse(database, tmp_path) as warehouse,
    ):
        land(made.provider, warehouse, "batteries", DAY)
        report = load(made.provider, warehouse, "batteries", DAY)
    assert (report.n_inserted, report.n_rejected) == (n_points, n_rejected)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM measurement").fetchone() == (n_points,)
        assert connection.execute("SELECT sum(n_rows) FROM rejected").fetchone() == (n_rejected,)
