#!/usr/bin/env bash
# One would guess: a point of an ENTSO-E document stands where its position says; with curve type A03 a position that is left out has
#   the value before it, as entsoe-py has it for prices, load and generation; and all periods of a series are read.
# What happens: for aggregated bids of balancing energy it pairs points and hours in order. The third hour's value stands at the second,
#   and as many hours at the end as were left out have none. Of a series with two periods, the second is not read; of activated
#   balancing prices neither.
# Why it matters: A03 leaves a point out exactly when a value did not change. Offers move to earlier hours by as many as were equal
#   before them, on days that nobody can tell by looking, and a gap in a day ends it. No error, no warning.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check entsoe-py==0.8.1 pandas==3.0.5
"$work/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata

from entsoe.parsers import parse_activated_balancing_energy_prices, parse_aggregated_bids, parse_loads


def document(element: str) -> str:
    """50 at 00:00 and 01:00, 70 at 02:00; nothing of 03:00; 90 at 04:00."""
    def period(start: int, end: int, *points: tuple[int, int]) -> str:
        values = "".join(f"<Point><position>{n}</position><{element}>{value}</{element}></Point>" for n, value in points)
        return (
            f"<Period><timeInterval><start>2026-01-15T{start:02}:00Z</start><end>2026-01-15T{end:02}:00Z</end></timeInterval>"
            f"<resolution>PT60M</resolution>{values}</Period>"
        )
    return (
        "<Balancing_MarketDocument><TimeSeries><mRID>1</mRID><businessType>A96</businessType>"
        "<flowDirection.direction>A01</flowDirection.direction><curveType>A03</curveType>"
        f"{period(0, 3, (1, 50), (3, 70))}{period(4, 5, (1, 90))}</TimeSeries></Balancing_MarketDocument>"
    )


frames = {
    "load": parse_loads(document("quantity"))["Forecasted Load"],
    "aggregated bids": parse_aggregated_bids(document("quantity"))[("Up", 1, "Offered")],
    "activated prices": parse_activated_balancing_energy_prices(document("activation_Price.amount"))["Price"],
}
print(f"entsoe-py {importlib.metadata.version('entsoe-py')}, curve type A03")
seen = {}
for name, series in frames.items():
    seen[name] = [f"{at:%H} {value:g}" for at, value in series.items()]
    print(f"  {name:<16} {seen[name]}")
assert seen["load"] == ["00 50", "01 50", "02 70", "04 90"]
assert seen["aggregated bids"] == ["00 50", "01 70", "02 nan"], "bids stand where their positions say now"
assert seen["activated prices"] == ["00 50", "01 50", "02 70"], "the second period is read now"
PY
