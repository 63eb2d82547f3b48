#!/usr/bin/env bash
# One would guess: `AWS_DEFAULT_REGION: ${AWS_DEFAULT_REGION:-}`, as composed files hand a variable on, is no region where the
#   host has none, and an empty AZURE_STORAGE_CONNECTION_STRING does not stand in the way of an account and its key.
# What happens: botocore, below s3fs, puts the empty region between two dots of the host's name and refuses its own address;
#   adlfs prefers the empty connection string to the account name and key that it was given, and calls it malformed.
# Why it matters: the same settings work in a shell, and no container of the schedule reaches its landing zone. The sentences
#   name neither the variable nor the key, which was right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check botocore==1.43.117 adlfs==2026.8.0 azure-storage-blob==12.31.1
"$work/venv/bin/python" - <<'PY'
import importlib.metadata
import os

import adlfs
import botocore.session


def s3() -> str:
    return botocore.session.get_session().create_client("s3", aws_access_key_id="a", aws_secret_access_key="b").meta.endpoint_url


def azure() -> str:
    return adlfs.AzureBlobFileSystem(account_name="meters", account_key="a2V5", skip_instance_cache=True).account_url


def said(driver) -> str:
    try:
        return driver()
    except ValueError as error:
        return f"ValueError: {error}"


for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AZURE_STORAGE_CONNECTION_STRING"):
    os.environ.pop(name, None)
print(*(f"{name} {importlib.metadata.version(name)}" for name in ("botocore", "adlfs", "azure-storage-blob")), sep=", ")
unset = [said(s3), said(azure)]
os.environ |= {"AWS_DEFAULT_REGION": "", "AZURE_STORAGE_CONNECTION_STRING": ""}
empty = [said(s3), said(azure)]
for before, after in zip(unset, empty, strict=True):
    print(f"  not set: {before}\n  empty:   {after}")
assert unset == ["https://s3.amazonaws.com", "https://meters.blob.core.windows.net"]
assert empty[0] == "ValueError: Invalid endpoint: https://s3..amazonaws.com"
assert empty[1] == "ValueError: unable to connect to account for Connection string is either blank or malformed."
PY
