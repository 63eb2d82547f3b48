#!/usr/bin/env bash
# One would guess: the letter behind a time of a smart meter's P1 port is its offset: S is summer time, W is not.
# What happens: dsmr-parser looks at the letter in the doubled hour of autumn only. `260715120000W` and `260715120000S` are
#   the same instant, that of summer time; a W in July raises nothing, in Sweden's own specification either.
# Why it matters: a meter that keeps winter time all year, as Nordic ones are reported to, says W in July. Half the year its
#   readings are an hour early; in the night of March an hour comes twice, and a load by time keeps one of the two.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check dsmr-parser==1.11.2 dlms-cosem==21.3.2 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
import importlib.metadata

from dsmr_parser.parsers import TelegramParser
from dsmr_parser.telegram_specifications import SWEDEN, V5

STAMPS = ("260715120000S", "260715120000W", "261025023000S", "261025023000W", "260329013000W", "260329023000W")


def read(specification, stamp):
    """The hour in UTC that a telegram of this time is of."""
    telegram = f"/ELL5\\253833635_A\r\n\r\n0-0:1.0.0({stamp})\r\n1-0:1.8.0(00006678.394*kWh)\r\n!\r\n"
    parser = TelegramParser({**specification, "checksum_support": False}, apply_checksum_validation=False)
    return parser.parse(telegram).P1_MESSAGE_TIMESTAMP.value.strftime("%d %H:%M")


seen = {
    name: [read(spec, stamp) for stamp in STAMPS]
    for name, spec in (("DSMR 5", V5), ("Sweden", SWEDEN))
}
print(f"dsmr-parser {importlib.metadata.version('dsmr-parser')}: 15 July 12:00 S and W, 25 October 02:30 S and W, 29 March 01:30 W and 02:30 W, in UTC")
for name, hours in seen.items():
    print(f"  {name}: {hours}")
    assert hours[2:4] == ["25 00:30", "25 01:30"], "the doubled hour of autumn is told apart no longer"
    assert hours[0] == "15 10:00"
    assert hours[1] == "15 10:00", "W in July is no longer read as S; it should be 11:00 UTC"
    assert hours[4:] == ["29 00:30", "29 00:30"], "an hour of winter time comes twice no longer"
PY
