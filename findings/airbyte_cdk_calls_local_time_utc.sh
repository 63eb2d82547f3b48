#!/usr/bin/env bash
# One would guess: a connector that asks in UTC (`datetime_format: …Z`) and reads answers with an offset
#   (`cursor_datetime_formats: …%z`) keeps its state in UTC: after a reading of 10:15+01:00 it goes on from 09:15Z.
# What happens: the Airbyte CDK writes the clock of the answer with the Z of the question. The state is 10:15Z, and the next
#   sync asks from there. West of Greenwich it goes back instead, and asks for hours once more.
# Why it matters: what is measured in the hour (in summer two) after the newest reading is never asked for. Every sync leaves
#   the same hole; none fails, and the state looks like any other.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check airbyte-cdk==7.39.1
cd "$work"
venv/bin/python - <<'PY'
import importlib.metadata
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, Type
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

logging.disable(logging.CRITICAL)
asked = []
newest = ""


class Provider(BaseHTTPRequestHandler):
    """Answers with one reading, whatever it is asked for."""

    def do_GET(self):
        asked.append(parse_qs(urlsplit(self.path).query)["from"][0])
        body = json.dumps([{"meter": "m1", "at": newest, "energy": 1.5}]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def option(name):
    return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}


def connector(address):
    fields = {"meter": {"type": "string"}, "at": {"type": "string"}, "energy": {"type": "number"}}
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["readings"]},
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
        "streams": [
            {
                "type": "DeclarativeStream",
                "name": "readings",
                "primary_key": ["meter", "at"],
                "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": fields}},
                "retriever": {
                    "type": "SimpleRetriever",
                    "requester": {"type": "HttpRequester", "url_base": address, "path": "/readings", "http_method": "GET"},
                    "record_selector": {
                        "type": "RecordSelector",
                        "extractor": {"type": "DpathExtractor", "field_path": []},
                    },
                },
                "incremental_sync": {
                    "type": "DatetimeBasedCursor",
                    "cursor_field": "at",
                    "datetime_format": "%Y-%m-%dT%H:%M:%SZ",
                    "cursor_datetime_formats": ["%Y-%m-%dT%H:%M:%S%z"],
                    "start_datetime": {
                        "type": "MinMaxDatetime",
                        "datetime": "2026-11-01T00:00:00Z",
                        "datetime_format": "%Y-%m-%dT%H:%M:%SZ",
                    },
                    "start_time_option": option("from"),
                    "end_time_option": option("to"),
                },
            },
        ],
    }


CATALOG = ConfiguredAirbyteCatalogSerializer.load({
    "streams": [
        {
            "stream": {"name": "readings", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
            "sync_mode": "incremental",
            "destination_sync_mode": "append",
        },
    ],
})


def sync(manifest, state):
    """The state that a sync leaves."""
    source = ConcurrentDeclarativeSource(catalog=CATALOG, config={}, state=state, source_config=manifest)
    said = source.read(logging.getLogger("sync"), {}, CATALOG, state)
    return [message.state for message in said if message.type == Type.STATE][-1:]


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
manifest = connector(f"http://127.0.0.1:{server.server_port}")
second = {}
for newest in ("2026-11-20T09:15:00+00:00", "2026-11-20T10:15:00+01:00", "2026-11-20T04:15:00-05:00"):
    sync(manifest, sync(manifest, []))
    second[newest] = asked[-1]
server.shutdown()

print(f"airbyte-cdk {importlib.metadata.version('airbyte-cdk')}: one instant as the newest reading, and what the next sync asks from")
for reading, start in second.items():
    print(f"  {reading}: from {start}")
assert list(second.values()) == ["2026-11-20T09:15:00Z", "2026-11-20T10:15:00Z", "2026-11-20T04:15:00Z"], "it is UTC now"
PY
