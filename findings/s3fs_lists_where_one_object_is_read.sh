#!/usr/bin/env bash
# One would guess: `cat_file` of one object is one GET, and a name that is not there is one GET that answers 404.
# What happens: s3fs asks for the size first (HEAD), and lists the name as a folder where that finds nothing, since it may want to
#   fetch a large object by pieces side by side. With max_concurrency=1, or a range, it is the one GET.
# Why it matters: a replay of a year reads each kept answer once, by two requests in place of one; a list costs twelve times a GET,
#   and a key without the right to list is told "forbidden" of what is only absent.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check s3fs==2026.9.0 'moto[server]==5.2.5'
"$work/venv/bin/python" - <<'PY'
import importlib.metadata
import logging
import os
import threading

os.environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
import s3fs
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
store, asked = DomainDispatcherApplication(create_backend_app), []


def counted(environ, start_response):
    asked.append("LIST" if "list-type" in environ["QUERY_STRING"] else environ["REQUEST_METHOD"])
    return store(environ, start_response)


server = make_server("127.0.0.1", 0, counted, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
files = s3fs.S3FileSystem(endpoint_url=f"http://127.0.0.1:{server.server_port}", use_listings_cache=False)
files.mkdir("zone")
files.pipe_file("zone/day.json", b"{}")


def requests(name: str, **options: int) -> list[str]:
    asked.clear()
    try:
        assert files.cat_file(f"zone/{name}", **options) == b"{}"
    except FileNotFoundError:
        pass
    return list(asked)


print(f"s3fs {importlib.metadata.version('s3fs')}")
found = {
    (name, str(options)): requests(name, **options)
    for name in ("day.json", "absent.json")
    for options in ({}, {"max_concurrency": 1})
}
for (name, options), sent in found.items():
    print(f"  cat_file of {name:<12} {options:<24} {' '.join(sent)}")
assert list(found.values()) == [["HEAD", "GET"], ["GET"], ["HEAD", "LIST"], ["GET"]]
PY
