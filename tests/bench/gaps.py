"""What it costs to ask for the gaps of a year of 10,000 series, beside reading their rows; and to judge a night."""

import statistics
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, LiteralString

import psycopg

from tests.bench.rooms import DAY, database, say, seconds_of, server
from warehouse.store import open_warehouse

SERIES, DAYS, TIMES = 10_000, 365, 3
PROMISED: Final = 3.0
"""Times what reading the rows costs."""

_LAST: Final = DAY - timedelta(days=1)
_FIRST: Final = _LAST - timedelta(days=DAYS - 1)
_FILLED: Final[LiteralString] = """
    INSERT INTO series (source, key, quantity, unit, kind, device, site, provider_unit, resolution, time_zone, labels)
    SELECT 'bench', 'series ' || n, 'power', 'W', 'gauge', 'device ' || n / 5, '', 'W', '15 min', 'UTC', '{}'
    FROM generate_series(1, %(n)s) AS n;
"""
_DAYS: Final[LiteralString] = """
    INSERT INTO series_day (
        series_id, day, found, first_at, last_at, longest_gap_seconds, minimum, maximum, value_hash
    )
    SELECT
        series_id, day, CASE WHEN (series_id * 7 + extract(DOY FROM day)::integer) %% 50 = 0 THEN 48 ELSE 96 END,
        day, day + INTERVAL '23 h 45 min', 900, 0, 1, series_id
    FROM series CROSS JOIN generate_series(%(first)s::timestamptz, %(last)s::timestamptz, '1 day') AS day
    WHERE series_id %% 100 <> 0 OR day < %(last)s::timestamptz - INTERVAL '100 days'
    ORDER BY 1, 2
"""
_LOADED: Final[LiteralString] = """
    INSERT INTO load (
        status, source, window_start, window_end, proof, code_version, seconds, is_correction, unmapped,
        rejected_by_reason
    )
    SELECT 'committed', 'bench', day, day + INTERVAL '1 day', '', '', 0, false, '{}', '{}'
    FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, '1 day') AS day
"""
_READ: Final[LiteralString] = """
    SELECT count(*), sum(found), max(last_at), sum(longest_gap_seconds), max(maximum), sum(value_hash), max(verdict)
    FROM series_day INNER JOIN series USING (series_id)
    WHERE source = 'bench' AND day >= %(first)s AND day <= %(last)s
"""


def main() -> bool:
    """Measure, say the ratio, and whether it is what was promised."""
    values = {"n": SERIES, "first": _FIRST, "last": _LAST}
    with server() as url, TemporaryDirectory() as folder:
        fresh = database(url, "gaps")
        with psycopg.connect(fresh, autocommit=True) as connection, open_warehouse(fresh, Path(folder)) as warehouse:
            connection.execute("SET timezone TO 'UTC'")
            connection.execute(_FILLED, {"n": SERIES})
            connection.execute(_DAYS, values)
            connection.execute(_LOADED, values)
            connection.execute("VACUUM ANALYZE series_day")
            first = seconds_of(lambda: warehouse.completeness.assess("bench", _LAST).n_rows)
            connection.execute("VACUUM ANALYZE series_day")
            connection.execute("INSERT INTO unassessed_day VALUES ('bench', %(last)s, now())", values)
            night = seconds_of(lambda: warehouse.completeness.assess("bench", _LAST).n_rows)
            rounds = []
            for _ in range(TIMES):
                read = seconds_of(lambda: connection.execute(_READ, values).fetchone())
                asked = seconds_of(lambda: len(warehouse.completeness.gaps("bench", _FIRST, _LAST)))
                rounds.append((asked / read, asked))
    ratio, asked = (statistics.median(column) for column in zip(*rounds, strict=True))
    say(f"gaps: a year of {SERIES:,} series: judged for the first time in {first:.1f} s, a night in {night:.2f} s")
    say(f"  asked for its gaps: {asked:.2f} s, {ratio:.2f} times reading its rows (promised: {PROMISED:.0f} or less)")
    return bool(ratio <= PROMISED)


if __name__ == "__main__":
    raise SystemExit(not main())
