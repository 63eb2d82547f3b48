#!/usr/bin/env bash
# One would guess: a listing by offset goes on behind the last row that came, until the total that each answer states.
# What happens: where the provider gives fewer rows than were asked for, since it has a limit of its own, dlt's OffsetPaginator goes on by
#   what it asked for, and leaves out the rows in between: 8 of 12. Airbyte's OffsetIncrement takes the short page for the last: 3 of 12.
#   Both were told the total, and neither compares.
# Why it matters: a provider that lowers its limit, which it may do on any day, makes each load lose the same share of its rows. The load
#   succeeds; pages have an order, so what is lost looks like every other quarter of an hour, or like meters that are new.
set -euo pipefail
export RUNTIME__DLTHUB_TELEMETRY=false
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in dlt==1.31.0 airbyte-cdk==7.39.1; do
  "${PYTHON:-python3}" -m venv "$work/${tool%%=*}"
  "$work/${tool%%=*}/bin/python" -m pip install -q --disable-pip-version-check "$tool"
done
cd "$work"
cat >provider.py <<'PY'
"""A provider that has twelve readings and gives at most so many of them at once."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

READINGS = list(range(12))


class Provider(BaseHTTPRequestHandler):
    most = 3

    def do_GET(self) -> None:
        asked = {name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items()}
        offset, limit = asked.get("offset", 0), min(asked["limit"], self.most)
        readings = [{"n": number} for number in READINGS[offset : offset + limit]]
        body = json.dumps({"total": len(READINGS), "limit": limit, "readings": readings}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def started() -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
PY
cat >by_dlt.py <<'PY'
import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator
from provider import READINGS, Provider, started

client = RESTClient(base_url=started(), data_selector="readings", paginator=OffsetPaginator(limit=5, total_path="total"))
for Provider.most, expected in ((5, READINGS), (3, [0, 1, 2, 5, 6, 7, 10, 11])):
    came = [row["n"] for page in client.paginate("/readings") for row in page]
    print(f"dlt {dlt.__version__}, 5 asked for, at most {Provider.most} given: {len(came)} of {len(READINGS)}, {came}")
    assert came == expected
PY
cat >by_airbyte.py <<'PY'
import importlib.metadata
import logging

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, Type
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from provider import READINGS, Provider, started

logging.disable(logging.CRITICAL)


def option(name: str) -> dict[str, str]:
    return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}


MANIFEST = {
    "version": "6.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["readings"]},
    "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    "streams": [
        {
            "type": "DeclarativeStream",
            "name": "readings",
            "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {"n": {"type": "number"}}}},
            "retriever": {
                "type": "SimpleRetriever",
                "requester": {"type": "HttpRequester", "url_base": started(), "path": "/readings", "http_method": "GET"},
                "record_selector": {
                    "type": "RecordSelector",
                    "extractor": {"type": "DpathExtractor", "field_path": ["readings"]},
                },
                "paginator": {
                    "type": "DefaultPaginator",
                    "page_token_option": option("offset"),
                    "page_size_option": option("limit"),
                    "pagination_strategy": {"type": "OffsetIncrement", "page_size": 5},
                },
            },
        },
    ],
}
STREAM = {"name": "readings", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
CATALOG = ConfiguredAirbyteCatalogSerializer.load({
    "streams": [{"stream": STREAM, "sync_mode": "full_refresh", "destination_sync_mode": "append"}],
})
for Provider.most, expected in ((5, READINGS), (3, [0, 1, 2])):
    source = ConcurrentDeclarativeSource(catalog=CATALOG, config={}, state=[], source_config=MANIFEST)
    said = source.read(logging.getLogger("sync"), {}, CATALOG, [])
    came = [message.record.data["n"] for message in said if message.type == Type.RECORD]
    version = importlib.metadata.version("airbyte-cdk")
    print(f"airbyte-cdk {version}, 5 asked for, at most {Provider.most} given: {len(came)} of {len(READINGS)}, {came}")
    assert came == expected
PY
dlt/bin/python by_dlt.py
airbyte-cdk/bin/python by_airbyte.py
