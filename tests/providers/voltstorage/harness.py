"""VoltStorage over its twin on loopback; and answers as if they had been landed, with what batches say of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from domain.measurement import Normalized
from domain.records import Payload
from domain.window import Window
from providers._http import ApiClient, Origin, Secret
from providers._login import BearerLogin
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.client import VoltStorage
from providers.voltstorage.login import password_login
from providers.voltstorage.spec import LOGIN_PATH
from sandbox.voltstorage import twin as served
from tests.fakes.api import QUICK, Naps
from tests.fakes.harness import ProviderOver, Served, shared_sandbox

DAY = Window.of_day(date(2025, 6, 1))
ACCOUNT = AccountConfig(products=(77,), statistics=())
MIDNIGHT = 1_748_736_000_000


@dataclass
class Battery(Served[served.VoltStorage, VoltStorage]):
    """VoltStorage and its twin.

    Attributes:
        login: Its credentials.
    """

    day = DAY

    login: BearerLogin

    def asked(self, *paths: str) -> Sequence[dict[str, Any]]:
        """The requests to any of `paths` so far, oldest first."""
        return [entry for entry in self.requests() if not paths or entry["path"] in paths]

    def logins(self) -> int:
        """Logins so far."""
        return len(self.asked(served.LOGIN))


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@contextmanager
def battery(
    *,
    account: AccountConfig = ACCOUNT,
    slice_of: timedelta = timedelta(days=1),
    products_per_page: int = 100,
    limits: Mapping[str, Any] | None = None,
    password: str | None = None,
    **settings: Any,
) -> Iterator[Battery]:
    """A provider over the running twin.

    Args:
        account: What is asked, and how it is read.
        slice_of: The widest span of one question.
        products_per_page: Products in a page of the list.
        limits: Fields of `Limits` that differ from `QUICK`.
        password: What the provider takes for its password; None for the right one.
        settings: Fields of the twin's settings.
    """
    sandbox, naps = shared_sandbox(), Naps()
    sandbox.control.reset()
    twin = sandbox.control.twins["voltstorage"]
    assert isinstance(twin, served.VoltStorage)
    twin.configure(**settings)
    quick = replace(QUICK, read_seconds=10.0, **(limits or {}))
    origin = Origin.parse(sandbox.url + served.ROOT, place="test")
    with ApiClient(origin, source="home", limits=quick, sleep=naps) as logins:
        login = password_login(
            logins,
            LOGIN_PATH,
            username=twin.settings.username,
            password=Secret(password or twin.settings.password),
            validity_seconds=account.validity_seconds,
        )
        with ApiClient(origin, source="home", credentials=login, limits=quick, sleep=naps) as http:
            client = VoltStorage(http, account, slice_of=slice_of, products_per_page=products_per_page)
            made = Battery(sandbox, twin, ProviderOver(client, account, http), (http, logins), naps, login)
            yield made
            made.requests()


RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)


def exported(body: bytes | str, window: Window, *, export_format: str = "csv", product: str = "77") -> Payload:
    """An export of `window`, received long after."""
    raw = body if isinstance(body, bytes) else body.encode()
    media_type = "text/csv" if export_format == "csv" else "application/json"
    params = {"productId": product, "format": export_format}
    return _landed("data/export", params, raw, window, media_type=media_type, part=f"{product}/export")


def summed_up(rows: list[dict[str, Any]], window: Window, timespan: str) -> Payload:
    """Statistics of `window`, received long after."""
    params = {"productId": "77", "timespan": timespan}
    body = json.dumps(rows).encode()
    return _landed(
        "data/statistics", params, body, window, media_type="application/json", part=f"77/statistics/{timespan}"
    )


def points_of(batch: Normalized) -> dict[tuple[str, datetime], float | str]:
    """Series and instant → value."""
    said: dict[tuple[str, datetime], float | str] = {}
    for frame in (batch.measurements, batch.states):
        instants = [one.to_pydatetime() for one in frame["measured_at"]]
        said |= dict(zip(zip(frame["series"].astype("str"), instants, strict=True), frame["value"], strict=True))
    return said


def _landed(
    endpoint: str, params: dict[str, str], body: bytes, window: Window, *, media_type: str, part: str
) -> Payload:
    return Payload(endpoint, params, window, part, 1, RECEIVED, media_type, body, "content-length")
