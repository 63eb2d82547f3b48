#!/usr/bin/env bash
# One would guess: what a landing zone rests on, a checksum that is compared and a write that must be the first, is refused by a stand-in
#   for a store as the store documents it: 400 and 412.
# What happens: moto takes a body whose MD5 or SHA-256 is another's, and answers 200 (of a write that must be the first it knows);
#   gcp-storage-emulator takes no notice of ifGenerationMatch: the second "first" write replaces the first one, a deletion of another
#   generation deletes, and with maxResults=2 a listing of five has five, so that no test meets a second page.
# Why it matters: the test that shows that a cut upload is no object, or that two runs do not overwrite each other, passes with code that
#   sends no condition at all. That it was sent has to be looked for in the request, or tried at the store.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check 'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.2 boto3==1.44.8 \
  gcp-storage-emulator==2026.7.19
cd "$work"
venv/bin/python -W ignore - <<'PY'
import base64
import hashlib
import importlib.metadata
import json
import logging
import socket
import urllib.request

import boto3
from botocore.exceptions import ClientError
from gcp_storage_emulator.server import create_server
from moto.server import ThreadedMotoServer

logging.disable(logging.CRITICAL)


def of_another(digest: str) -> str:
    return base64.b64encode(hashlib.new(digest, b"another").digest()).decode()


def s3_answers() -> dict[str, int]:
    """The status by which moto answers each put of one object."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    client.create_bucket(Bucket="landing")
    answers = {}
    for what, condition in (
        ("first", {"IfNoneMatch": "*"}),
        ("first once more", {"IfNoneMatch": "*"}),
        ("MD5 of another", {"ContentMD5": of_another("md5")}),
        ("SHA-256 of another", {"ChecksumSHA256": of_another("sha256")}),
    ):
        try:
            answers[what] = client.put_object(Bucket="landing", Key="answer", Body=b"[1.5]", **condition)["ResponseMetadata"]["HTTPStatusCode"]
        except ClientError as error:
            answers[what] = error.response["ResponseMetadata"]["HTTPStatusCode"]
    server.stop()
    return answers


def gcs_answers() -> dict[str, object]:
    """What gcp-storage-emulator answers to conditions that do not hold, and how many objects a page of two has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="landing")
    server.start()

    def ask(method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, b""

    upload = "/upload/storage/v1/b/landing/o?uploadType=media&name="
    answers: dict[str, object] = {}
    try:
        answers["first"] = ask("POST", f"{upload}answer&ifGenerationMatch=0", b"one")[0]
        answers["first once more"] = ask("POST", f"{upload}answer&ifGenerationMatch=0", b"two")[0]
        answers["what is there"] = ask("GET", "/download/storage/v1/b/landing/o/answer?alt=media")[1].decode()
        answers["deletion of another"] = ask("DELETE", "/storage/v1/b/landing/o/answer?ifGenerationMatch=1")[0]
        for number in range(5):
            ask("POST", f"{upload}day/{number}", b"x")
        page = json.loads(ask("GET", "/storage/v1/b/landing/o?prefix=day/&maxResults=2")[1])
        answers["page of two"] = (len(page["items"]), "nextPageToken" in page)
    finally:
        server.stop()
    return answers


s3, gcs = s3_answers(), gcs_answers()
print(f"moto {importlib.metadata.version('moto')}: {s3}")
print(f"gcp-storage-emulator {importlib.metadata.version('gcp-storage-emulator')}: {gcs}")
assert s3 == {"first": 200, "first once more": 412, "MD5 of another": 200, "SHA-256 of another": 200}
assert gcs["first"] == gcs["first once more"] == 200 and gcs["what is there"] == "two", "the condition counts"
assert gcs["deletion of another"] in (200, 204), "the condition of a deletion counts"
assert gcs["page of two"] == (5, False), "a listing has pages"
PY
