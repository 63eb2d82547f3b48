#!/usr/bin/env bash
# One would guess: an upload to an object store is all or nothing, so an error in the middle of `with fs.open(key, "wb")`
#   leaves the object that was there.
# What happens: leaving the block closes the file, and closing it is what commits: the half that was written replaces the
#   whole object, with a good checksum, in one part or in several. obstore drops the upload and keeps the object.
# Why it matters: an answer that breaks off while it is streamed to the landing zone fails the run, and the retry, or
#   whoever reads before it, finds an object that is there and looks complete. fsspec's `transaction` is the way out.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check \
  s3fs==2026.9.0 fsspec==2026.9.0 aiobotocore==3.10.0 botocore==1.43.117 boto3==1.43.117 obstore==0.12.1 \
  'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.5 werkzeug==3.1.9
port=$("$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$work/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 150); do if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi; sleep 0.2; done
"$work/venv/bin/python" - "http://127.0.0.1:$port" <<'PY'
import contextlib
import sys

import obstore
import s3fs
from obstore.store import S3Store

PART = 5 * 2**20  # the least that S3 takes for a part


class ProviderGone(Exception):
    pass


def answer(n_bytes):
    """An answer that breaks off."""
    yield b"h" * n_bytes
    raise ProviderGone


def written(put, n_bytes):
    """What the object holds after a write that failed over a whole one."""
    obstore.put(store, "day", b"whole")
    with contextlib.suppress(ProviderGone):
        put(n_bytes)
    held = bytes(obstore.get(store, "day").bytes())
    return "whole" if held == b"whole" else f"a half of {len(held)} bytes"


def by_s3fs(n_bytes):
    with files.open("landing/day", "wb", block_size=PART) as into:
        for piece in answer(n_bytes):
            into.write(piece)


def by_s3fs_in_a_transaction(n_bytes):
    with files.transaction:
        by_s3fs(n_bytes)


def by_obstore(n_bytes):
    with obstore.open_writer(store, "day", buffer_size=PART) as into:
        for piece in answer(n_bytes):
            into.write(piece)


keys = {"key": "tester", "secret": "tester"}
files = s3fs.S3FileSystem(**keys, endpoint_url=sys.argv[1], client_kwargs={"region_name": "us-east-1"})
files.call_s3("create_bucket", Bucket="landing")
store = S3Store(
    "landing", endpoint=sys.argv[1], access_key_id="tester", secret_access_key="tester", region="us-east-1",
    client_options={"allow_http": True},
)
seen = {put.__name__: [written(put, n) for n in (4, 2 * PART + 1)] for put in (by_s3fs, by_s3fs_in_a_transaction, by_obstore)}

print(f"s3fs {s3fs.__version__}, obstore {obstore.__version__}: what is left of an object after a failed write of 4 bytes, and of three parts")
for how, left in seen.items():
    print(f"  {how}: {left}")
assert seen["by_s3fs"] == ["a half of 4 bytes", f"a half of {2 * PART + 1} bytes"], "s3fs no longer commits a failed write"
assert seen["by_s3fs_in_a_transaction"] == ["whole", "whole"]
assert seen["by_obstore"] == ["whole", "whole"]
PY
