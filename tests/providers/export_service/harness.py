"""The Export Service over its twin on loopback; and documents as its answers, with what they mean."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from domain.measurement import Normalized
from domain.records import Payload
from domain.window import Window
from providers._http import ApiClient, Origin, Secret
from providers._login import ClientCredentials
from providers.export_service.account import AccountConfig
from providers.export_service.client import ExportService
from providers.export_service.normalize import normalize
from sandbox.export_service.twin import KEYCLOAK_PATH, QUERY_PATH
from sandbox.export_service.twin import ExportService as ExportServiceTwin
from tests.fakes.api import QUICK, Naps
from tests.fakes.harness import ProviderOver, Served, shared_sandbox

ORGANIZATION = "audicharginghub"
PRODUCT = "grid"
DAY = Window.of_day(date(2025, 6, 1))
MIDNIGHT = 1_748_736_000_000
ACCOUNT = AccountConfig(ORGANIZATION, products=(PRODUCT,))
SEMANTICS = ("scroll", "search_after", "offset")
EXPECTED_35 = [(MIDNIGHT + n * 60_000, n * 100.0) for n in range(35)]

Document = dict[str, Any]


def minutes(n_documents: int, *, step: int = 60_000) -> list[Document]:
    """Documents of one device, `step` milliseconds apart, from midnight on."""
    return [{"P_kW": n / 10, "timestamp": MIDNIGHT + n * step} for n in range(n_documents)]


def tied(n_documents: int, width: int) -> list[Document]:
    """Documents of which `width` at a time share a millisecond, each of a vehicle of its own."""
    return [
        {"vehicle": f"v{n % width}", "P_kW": n / 10, "timestamp": MIDNIGHT + n // width * 1000}
        for n in range(n_documents)
    ]


@dataclass
class Hub(Served[ExportServiceTwin, ExportService]):
    """The Export Service and its twin."""

    day = DAY

    def values(self, window: Window = DAY) -> list[tuple[int, float]]:
        """Milliseconds and watts of all measurements, the same one once, in order of time."""
        frame = self.load(window).measurements
        return sorted(set(zip(frame["measured_at"].astype("int64") // 1000, frame["value"], strict=True)))

    def asked(self, path: str = QUERY_PATH) -> Sequence[dict[str, Any]]:
        """The requests to `path` so far, oldest first."""
        return [entry for entry in self.requests() if entry["path"] == path]

    def logins(self) -> int:
        """Token requests so far."""
        return len(self.asked(KEYCLOAK_PATH))


def n_measured(served: Hub, payloads: Sequence[Payload]) -> int:
    """Measurements in answers that were fetched before."""
    return sum(len(batch.measurements) for batch in served.provider.normalize(payloads, DAY))


@contextmanager
def hub(
    documents: Sequence[Document] = (),
    *,
    account: AccountConfig = ACCOUNT,
    page_rows: int = 10,
    reads_ahead: bool = True,
    limits: Mapping[str, Any] | None = None,
    secret: str | None = None,
    **settings: Any,
) -> Iterator[Hub]:
    """A provider over the running twin, whose product `PRODUCT` holds `documents`.

    Args:
        documents: What the product holds.
        account: Whose data, and how they are read.
        page_rows: Documents in a page.
        reads_ahead: Whether the provider asks for the next page early.
        limits: Fields of `Limits` that differ from `QUICK`.
        secret: What the provider takes for its secret; None for the right one.
        settings: Fields of the twin's settings; tokens are offsets unless they say otherwise.
    """
    sandbox, naps = shared_sandbox(), Naps()
    twin = sandbox.control.export_service
    sandbox.control.reset()
    twin.configure(**{"semantics": "offset", **settings})
    twin.add(PRODUCT, documents)
    quick = replace(QUICK, **(limits or {}))
    with (
        ApiClient(Origin.parse(sandbox.url, place="test"), source="hub", limits=quick, sleep=naps) as logins,
        ApiClient(
            Origin.parse(sandbox.url + QUERY_PATH.removesuffix("/query"), place="test"),
            source="hub",
            credentials=ClientCredentials(
                logins,
                KEYCLOAK_PATH,
                client_id=sandbox.client_id,
                client_secret=Secret(secret or sandbox.client_secret),
            ),
            limits=quick,
            sleep=naps,
        ) as http,
    ):
        client = ExportService(http, account, page_rows=page_rows, reads_ahead=reads_ahead)
        made = Hub(sandbox, twin, ProviderOver(client, account, http), (http, logins), naps)
        yield made
        made.requests()


NOON = 1748779200000
PLAIN = AccountConfig("hub")
EACH_VEHICLE = AccountConfig("hub", identity={"*": ("vehicle",)})


def payload(rows: Sequence[Any] | bytes, *, window: Window = DAY, page: int = 1) -> Payload:
    """One answer as received, of these rows or this body."""
    body = rows if isinstance(rows, bytes) else json.dumps({"numResults": len(rows), "result": rows}).encode()
    received_at = datetime(2025, 6, 3, tzinfo=UTC)
    return Payload("query", {}, window, PRODUCT, page, received_at, "application/json", body, "content-length")


def meant(rows: Sequence[Any] | bytes, account: AccountConfig = PLAIN, *, window: Window = DAY) -> Normalized:
    """What one answer means, checked against the contract."""
    (batch,) = normalize([payload(rows)], window, account)
    batch.check(place="test")
    return batch


def points(frame: pd.DataFrame) -> list[tuple[str, int, Any]]:
    """Series, milliseconds and value of every row, in order."""
    millis = frame["measured_at"].astype("int64") // 1000
    return sorted(zip(frame["series"].astype("str"), millis, frame["value"], strict=True))


def measured(row: Mapping[str, Any], account: AccountConfig = PLAIN) -> dict[str, float]:
    """Field → value in base units of one document at noon."""
    frame = meant([{"timestamp": NOON, **row}], account).measurements
    return {key.removeprefix("grid/"): value for key, _, value in points(frame)}


def rejected(rows: Sequence[Any] | bytes, account: AccountConfig = PLAIN) -> list[tuple[str, str]]:
    """Reason and text of every rejected value, in order."""
    frame = meant(rows, account).rejected
    return sorted(zip(frame["reason"], frame["raw"], strict=True))


def reasons(row: Mapping[str, Any], account: AccountConfig = PLAIN) -> list[str]:
    """Reasons for the rejected values of one document at noon."""
    return [reason for reason, _ in rejected([{"timestamp": NOON, **row}], account)]
