#!/usr/bin/env bash
# One would guess: `extract_records` gives a record for each point of a document: three bids of 5 MW at one price are three, 15 MW.
# What happens: entsoe-apy leaves out the identity of a document and of a time series (mRID) by default, and then, by default, takes
#   records that are equal for one. Three bids are one, 5 MW; so are equal records of two documents. Where identities are kept
#   (`ignore_fields=[]`), or with deduplicate=False, all three are there.
# Why it matters: capacity that is bought at one price for all, in steps of a megawatt, is full of equal bids, and it is they that vanish:
#   the sum of a day depends on how alike its bids were. Neither is in the example that one copies, and nothing is logged.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check entsoe-apy==1.2.0 pydantic==2.12.5 httpx==0.28.1
"$work/venv/bin/python" - <<'PY'
import importlib.metadata

import httpx
from entsoe.query.query_api import parse_response
from entsoe.utils import add_timestamps, extract_records

BIDS = [5, 5, 5, 8]  # MW, all at 12.5 EUR
SERIES = """<TimeSeries><mRID>{number}</mRID><businessType>B95</businessType><type_MarketAgreement.type>A01</type_MarketAgreement.type>
<flowDirection.direction>A03</flowDirection.direction><currency_Unit.name>EUR</currency_Unit.name>
<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><price_Measure_Unit.name>MAW</price_Measure_Unit.name>
<curveType>A01</curveType><Period><timeInterval><start>2026-11-28T23:00Z</start><end>2026-11-29T03:00Z</end></timeInterval>
<resolution>PT4H</resolution><Point><position>1</position><quantity>{power}</quantity>
<procurement_Price.amount>12.5</procurement_Price.amount></Point></Period></TimeSeries>"""
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Balancing_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:balancingdocument:4:4"><mRID>d1</mRID><revisionNumber>1</revisionNumber>
<type>A15</type><process.processType>A52</process.processType>
<sender_MarketParticipant.mRID codingScheme="A01">10X1001A1001A450</sender_MarketParticipant.mRID>
<sender_MarketParticipant.marketRole.type>A32</sender_MarketParticipant.marketRole.type>
<receiver_MarketParticipant.mRID codingScheme="A01">10X1001A1001A450</receiver_MarketParticipant.mRID>
<receiver_MarketParticipant.marketRole.type>A33</receiver_MarketParticipant.marketRole.type>
<createdDateTime>2026-11-29T10:00:00Z</createdDateTime>
<period.timeInterval><start>2026-11-28T23:00Z</start><end>2026-11-29T03:00Z</end></period.timeInterval>
{series}</Balancing_MarketDocument>"""

text = DOCUMENT.format(series="".join(SERIES.format(number=number, power=power) for number, power in enumerate(BIDS, 1)))
document = parse_response(httpx.Response(200, text=text))


def procured(**options: object) -> list[float]:
    """The quantities of the records, in MW."""
    records = add_timestamps(extract_records(document, **options))
    return [float(record["time_series.period.point.quantity"]) for record in records]


print(f"entsoe-apy {importlib.metadata.version('entsoe-apy')}: {len(document.time_series)} bids, {BIDS} MW, {sum(BIDS)} together")
seen = {}
for options in ({}, {"ignore_fields": []}, {"deduplicate": False}):
    seen[str(options)] = found = procured(**options)
    print(f"  extract_records with {options}: {found}, {sum(found):g} together")
assert list(seen.values()) == [[5, 8], BIDS, BIDS], "equal bids are no longer counted once"
PY
