"""Clients for tests: they ask a raw server, and note their waits instead of waiting."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from providers._http import ApiClient, Credentials, Limits, Origin
from tests.fakes.raw_server import RawServer

QUICK = Limits(connect_seconds=2.0, read_seconds=0.5, total_seconds=60.0)


@dataclass
class Naps:
    """Takes the place of `time.sleep`: remembers what it was asked for."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass
class Tally:
    """A `Budget` that lets everybody through and counts them; whose requests have left and were answered, in order."""

    n_taken: int = 0
    left: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    postponed: list[float] = field(default_factory=list)

    def take(self) -> int:
        self.n_taken += 1
        return self.n_taken

    def renewed(self, slot: int) -> int:
        return slot

    def postpone(self, seconds: float) -> None:
        self.postponed.append(seconds)

    def sent(self, slot: int) -> None:
        self.left.append(slot)

    def answered(self, slot: int) -> None:
        self.answers.append(slot)


@dataclass
class Key:
    """Credentials made of fixed headers, each renewal being the next of them; counts renewals."""

    ring: list[Mapping[str, str]] = field(repr=False)
    n_renewals: int = 0

    def headers(self) -> Mapping[str, str]:
        return self.ring[min(self.n_renewals, len(self.ring) - 1)]

    def renew(self, rejected: Mapping[str, str]) -> None:
        assert rejected == self.headers()
        self.n_renewals += 1


def api(
    server: RawServer,
    *,
    base: str = "",
    credentials: Credentials | None = None,
    budget: Tally | None = None,
    naps: Naps | None = None,
    sleep: Callable[[float], None] | None = None,
    spread: Callable[[float, float], float] = random.uniform,
    **limits: Any,
) -> ApiClient:
    """A client of `server` with short limits; `limits` change some of them."""
    return ApiClient(
        Origin.parse(server.url + base, place="test"),
        source="acme",
        credentials=credentials,
        budget=budget,
        limits=replace(QUICK, **limits),
        sleep=sleep or (naps if naps is not None else Naps()),
        spread=spread,
    )
