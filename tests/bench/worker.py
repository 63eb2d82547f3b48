"""One day through the whole house, in a process of its own: ask, land, normalize, load. Prints one line of JSON."""

import json
import sys
from datetime import date
from pathlib import Path
from time import perf_counter

from assets.ingest import ingest_days
from domain.window import Window
from providers._http import ApiClient, Origin
from providers._http_types import Secret
from providers._login import ClientCredentials
from providers.export_service.account import AccountConfig
from providers.export_service.client import ExportService
from tests.bench.rooms import forget_peak, peak_mib
from tests.fakes.harness import ProviderOver
from warehouse.store import open_warehouse


def main() -> None:
    """Read the day to load from standard input, as JSON, so that no secret stands in the list of processes."""
    given = json.load(sys.stdin)
    origin = Origin.parse(f"{given['url']}/charginghubexporter/api/v1/export", place="bench")
    tokens = ApiClient(Origin.parse(given["url"], place="bench"), source="bench")
    credentials = ClientCredentials(
        tokens,
        "/auth/realms/efs-sdk/protocol/openid-connect/token",
        client_id=given["client_id"],
        client_secret=Secret(given["client_secret"]),
    )
    account = AccountConfig(organization=given["organization"], products=(given["product"],))
    http = ApiClient(origin, source="bench", credentials=credentials)
    provider = ProviderOver(ExportService(http, account), account, http)
    window = Window.of_day(date.fromisoformat(given["day"]))
    forget_peak()
    idle = peak_mib()
    with open_warehouse(given["database"], Path(given["landing"])) as warehouse:
        started = perf_counter()
        (outcome,) = ingest_days([window.day], provider, warehouse, "bench")
        seconds = perf_counter() - started
    if outcome.error or not (outcome.pull and outcome.load):
        raise SystemExit(str(outcome.error))
    print(
        json.dumps(
            {
                "seconds": seconds,
                "landing_seconds": outcome.pull.seconds,
                "points": outcome.load.n_inserted,
                "requests": outcome.pull.n_requests,
                "idle_mib": idle,
                "peak_mib": peak_mib(),
            }
        )
    )


if __name__ == "__main__":
    main()
