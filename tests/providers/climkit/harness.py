"""Climkit's client over its twin on loopback: what the tests of the provider talk through."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from domain.contract import Budget
from domain.measurement import Normalized
from domain.window import Window
from providers._http import ApiClient, Origin, Secret
from providers._login import BearerLogin
from providers.climkit.account import AccountConfig
from providers.climkit.client import Climkit
from providers.climkit.login import password_login
from sandbox.climkit import twin as served
from sandbox.climkit.house import SITE
from tests.fakes.api import QUICK, Naps
from tests.fakes.harness import ProviderOver, Served, shared_sandbox

DAY = Window.of_day(date(2025, 6, 1))
FLAT = "6a1b2c3d4e5f607182930001"
HEATING = "6a1b2c3d4e5f607182930012"
WATER = "6a1b2c3d4e5f607182930013"
ACCOUNT = AccountConfig(sites=(SITE,))


@dataclass
class Apartments(Served[served.Climkit, Climkit]):
    """Climkit and its twin.

    Attributes:
        login: Its credentials.
    """

    day = DAY

    login: BearerLogin

    def asked(self, path: str = "") -> Sequence[dict[str, str]]:
        """The questions so far whose path holds `path`, oldest first; logins are not among them."""
        return [request for request in self.twin.asked() if path in request["path"]]


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def values(whole: Normalized, key: str) -> dict[datetime, float]:
    """The points of one series."""
    frame = whole.measurements
    mine = frame[frame["series"] == key]
    return {moment.to_pydatetime(): value for moment, value in zip(mine["measured_at"], mine["value"], strict=True)}


@contextmanager
def apartments(
    *,
    account: AccountConfig = ACCOUNT,
    limits: Mapping[str, Any] | None = None,
    password: str | None = None,
    budget: Budget | None = None,
    **settings: Any,
) -> Iterator[Apartments]:
    """A provider over the running twin.

    Args:
        account: What is asked, and how it is read.
        limits: Fields of `Limits` that differ from `QUICK`.
        password: What the provider takes for its password; None for the right one.
        budget: Asked before every request, logins included.
        settings: Fields of the twin's settings; as many requests as one likes, unless they say otherwise.
    """
    sandbox, naps = shared_sandbox(), Naps()
    sandbox.control.reset()
    twin = sandbox.control.twins["climkit"]
    assert isinstance(twin, served.Climkit)
    twin.configure(**{"requests_per_second": 0.0, **settings})
    quick = replace(QUICK, **{"read_seconds": 10.0, **(limits or {})})
    origin = Origin.parse(sandbox.url + served.ROOT, place="test")
    with ApiClient(origin, source="house", limits=quick, sleep=naps, budget=budget) as logins:
        login = password_login(
            logins, username=twin.settings.username, password=Secret(password or twin.settings.password)
        )
        with ApiClient(origin, source="house", credentials=login, limits=quick, sleep=naps, budget=budget) as http:
            yield Apartments(
                sandbox, twin, ProviderOver(Climkit(http, account), account, http), (http, logins), naps, login
            )
