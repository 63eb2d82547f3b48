"""The peer's whole way: dlt's REST source from the same sandbox into the same PostgreSQL, in one of its settings.

Runs in an environment of its own (`.venv-bench`) and prints one line of JSON: seconds and rows. It is given the best it
has: one resource, the largest page, data selected without further unnesting, two workers each to normalize and to load.
"""

import argparse
import json
import os
import sys
import tempfile
import time


def main() -> int:
    """Load one day of one product, and say how long it took."""
    parser = argparse.ArgumentParser()
    for name in ("url", "product", "start", "end", "organization", "client-id", "client-secret", "database", "setting"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()

    home = tempfile.mkdtemp(prefix="joulehouse-bench-dlt-")
    os.environ |= {
        "DLT_DATA_DIR": home,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DATA_WRITER__BUFFER_MAX_ITEMS": "100000",
        "LOAD__WORKERS": "2",
        "NORMALIZE__WORKERS": "2",
    }
    import dlt  # noqa: PLC0415 — only in its own environment, and only after its settings
    from dlt.sources.rest_api import rest_api_resources  # noqa: PLC0415

    pipeline = dlt.pipeline(
        pipeline_name=f"peer_{given.setting}",
        pipelines_dir=home,
        destination=dlt.destinations.postgres(given.database),
        dataset_name=f"peer_{given.setting}",
    )
    resources = rest_api_resources(
        {
            "client": {
                "base_url": f"{given.url}/charginghubexporter/api/v1/export/",
                "auth": dlt.sources.helpers.rest_client.auth.OAuth2ClientCredentials(
                    access_token_url=f"{given.url}/auth/realms/efs-sdk/protocol/openid-connect/token",
                    client_id=given.client_id,
                    client_secret=given.client_secret,
                ),
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "continueToken",
                    "cursor_param": "continueToken",
                },
            },
            "resources": [
                {
                    "name": "documents",
                    "max_table_nesting": 0,
                    "write_disposition": "append",
                    "endpoint": {
                        "path": "query",
                        "data_selector": "result",
                        "params": {
                            "organization": given.organization,
                            "product": given.product,
                            "startDate": given.start,
                            "endDate": given.end,
                            "numRows": 10_000,
                        },
                    },
                }
            ],
        }
    )
    started = time.perf_counter()
    info = pipeline.run(resources, loader_file_format=None if given.setting == "default" else given.setting)
    seconds = time.perf_counter() - started
    info.raise_on_failed_jobs()
    with pipeline.sql_client() as client:
        with client.execute_query("SELECT count(*) FROM documents") as cursor:
            (rows,) = cursor.fetchone()
        client.drop_dataset()  # the next round begins with an empty table, as this one did
    sys.stdout.write(json.dumps({"seconds": seconds, "rows": rows}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
