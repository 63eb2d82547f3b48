#!/usr/bin/env bash
# One would guess: `fs.rm(path)` removes the object that `fs.open(path)`, `fs.exists(path)` and `fs.info(path)` mean, or nothing.
# What happens: on an object store rm reads `[`, `*` and `?` as a pattern, the others do not. `rm("P[W].bin")` leaves that object
#   and removes `PW.bin`, without an error. `rm_file` takes the name as it is, and so does rm on a local disk.
# Why it matters: units in brackets are how files of readings are named. A job that deletes what it has loaded deletes a neighbour
#   that nobody has loaded yet, and does the same again tomorrow, since its own file is still there; on a developer's disk it is right.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check \
  s3fs==2026.9.0 fsspec==2026.9.0 aiobotocore==3.10.0 botocore==1.43.117 boto3==1.43.117 \
  'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.5 werkzeug==3.1.9
port=$("$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$work/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 150); do if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi; sleep 0.2; done
"$work/venv/bin/python" - "$work" "http://127.0.0.1:$port" <<'PY'
import sys

import fsspec

work, url = sys.argv[1:]
store = fsspec.filesystem("s3", key="key", secret="secret", endpoint_url=url, client_kwargs={"region_name": "eu-central-1"})
print(f"fsspec {fsspec.__version__}")
for name, fs, folder in (
    ("s3", store, "landing"),
    ("memory", fsspec.filesystem("memory"), "/landing"),
    ("disk", fsspec.filesystem("file"), f"{work}/landing"),
):
    fs.mkdir(folder)
    for own in ("P[W].bin", "PW.bin"):
        fs.pipe_file(f"{folder}/{own}", own.encode())
    assert fs.exists(f"{folder}/P[W].bin") and fs.cat_file(f"{folder}/P[W].bin") == b"P[W].bin"
    fs.rm(f"{folder}/P[W].bin")
    fs.invalidate_cache()
    left = [path.rsplit("/", 1)[-1] for path in fs.ls(folder, detail=False)]
    print(f"  {name}: after rm('P[W].bin') there is {left}")
    assert left == (["PW.bin"] if name == "disk" else ["P[W].bin"])
    if name != "disk":
        fs.rm_file(f"{folder}/P[W].bin")
        fs.invalidate_cache()
        assert fs.ls(folder, detail=False) == []
PY
