"""What every twin is: a provider's responses on loopback, its settings, its switches, and the true points."""

import base64
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

import orjson
from starlette.websockets import WebSocket

from domain.records import Json
from sandbox.answers import RefusedError, Request, Response
from sandbox.disturbance import with_common_faults
from sandbox.faults import COMMON_FAULTS, Facts, FaultKind, FaultSwitches, Fired
from sandbox.settings import SettingError, TwinSettings

S = TypeVar("S", bound=TwinSettings)

Socket = Callable[[WebSocket], Awaitable[None]]
"""Talks over one websocket, from before it is accepted until it is closed."""

Query = Mapping[str, str]
"""The decoded query of a request to the control API."""


class Point(NamedTuple):
    """One value that the provider means, in the provider's own unit.

    Attributes:
        labels: What tells its series apart: the names and values of `Series.labels`.
        at: Epoch milliseconds of the instant, or of the interval's start.
        value: A number, or a text.
    """

    labels: Mapping[str, str]
    at: int
    value: float | str


@dataclass(frozen=True, slots=True)
class Switch:
    """A route of the control API that one twin has and others have not, below `/_sandbox/<slug>/`.

    Attributes:
        method: GET, PUT, POST or DELETE.
        name: The last step of its path.
        act: What it does with the query and the JSON body (None for GET and DELETE, and without a body). It runs in a
            thread. It returns JSON, None, or an iterator of lines, each with its line break.
    """

    method: str
    name: str
    act: Callable[[Query, Any], Any]


class Twin(ABC, Generic[S]):
    """One provider's twin. Every method may be called from any thread; `answer` holds the lock while it computes.

    Attributes:
        slug: The provider's name, as in `ProviderSpec.slug`.
        path: What every path begins with; `/<slug>` except for the one twin that has its provider's paths.
        paths: The paths it answers, whole, for every method; `{name}` and `{rest:path}` stand for what varies.
        settings_type: Its settings.
        kinds: What can go wrong.
        is_archive: Whether its responses are archives, and so compressed already.
        endpoints: What its faults tell apart; a fault that names none is about the first.
        settings: Its present settings; `configure` changes them.
        switches: The faults.
    """

    slug: ClassVar[str]
    path: ClassVar[str]
    paths: ClassVar[Sequence[str]]
    settings_type: ClassVar[type[TwinSettings]]
    kinds: ClassVar[Mapping[str, FaultKind]] = COMMON_FAULTS
    is_archive: ClassVar[bool] = False
    endpoints: ClassVar[Sequence[str]]

    settings: S

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self.switches: Final = FaultSwitches(self.kinds, self.endpoints)
        self._as_started = settings
        self._lock = RLock()

    @property
    def sockets(self) -> Mapping[str, Socket]:
        """The websocket paths it answers."""
        return {}

    @property
    def own_switches(self) -> Sequence[Switch]:
        """The control routes that only this twin has."""
        return ()

    @abstractmethod
    def facts(self, request: Request) -> Facts:
        """What faults look at, whether or not the request is valid."""

    @abstractmethod
    def real(self, request: Request, facts: Facts, fired: Fired) -> Response:
        """The response without the common faults, and with those of its own that happen.

        Raises:
            RefusedError: The request is answered with an error.
        """

    @abstractmethod
    def truth(self, start: int, end: int, query: Query) -> Iterable[Point]:
        """Every point that it means now with `start <= at < end`, in epoch milliseconds, each once.

        Args:
            start: The first instant.
            end: The instant after the last.
            query: Further conditions, such as `product`; a twin may leave points out by it.
        """

    def answer(self, request: Request) -> Response:
        """The response to one request."""
        with self._lock:
            facts = self.facts(request)
            fired = self.switches.fire(facts)
            if "revoke" in fired:
                self.revoke_tokens()
            return with_common_faults(fired, lambda: self._real(request, facts, fired), is_gzip_allowed=self.is_gzip)

    def _real(self, request: Request, facts: Facts, fired: Fired) -> Response:
        try:
            return self.real(request, facts, fired)
        except RefusedError as refused:
            return refused.response

    @property
    def is_gzip(self) -> bool:
        """Whether responses are compressed for a client that accepts gzip."""
        return not self.is_archive and getattr(self.settings, "is_gzip", True)

    def configure(self, **changes: Json) -> None:
        """Change settings while it runs.

        Raises:
            SettingError: A name is unknown, or a value does not fit.
        """
        with self._lock:
            self.settings = self.settings.changed(changes)

    def fault(self, name: str, **options: Json) -> int:
        """Switch a fault on; its number.

        Args:
            name: One of `kinds`.
            options: Its own options, and any of `sandbox.faults.LIMITS`.

        Raises:
            SettingError: A name is unknown, or a value cannot be.
        """
        return self.switches.add(name, **options)

    def clear_faults(self, number: int | None = None) -> int:
        """Switch one fault off, or all of them; how many they were."""
        return self.switches.remove(number)

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are on, with `n_matched` and `n_fired`."""
        return self.switches.shown()

    def reset(self) -> None:
        """Settings as started, no faults; a twin with edits forgets them here. Tokens stay valid."""
        with self._lock:
            self.settings = self._as_started
            self.switches.remove()

    def revoke_tokens(self) -> None:
        """Make every token so far invalid.

        Raises:
            SettingError: It gives no tokens.
        """
        raise SettingError(f"{self.slug} gives no tokens.")

    def truth_lines(self, start: int, end: int, query: Query) -> Iterator[bytes]:
        """The truth as JSON, some thousands of lines at a time."""
        lines: list[bytes] = []
        # By identity: most twins return the same labels again and again. The labels are stored, so each id is unique.
        begun: dict[int, tuple[Mapping[str, str], bytes]] = {}
        for labels, at, value in self.truth(start, end, query):
            if id(labels) not in begun:
                if len(begun) >= _LINES:
                    begun.clear()
                begun[id(labels)] = labels, b'{"labels":' + orjson.dumps(labels)
            lines.append(b'%b,"at":%d,"value":%b}\n' % (begun[id(labels)][1], at, orjson.dumps(value)))
            if len(lines) >= _LINES:
                yield b"".join(lines)
                lines.clear()
        yield b"".join(lines)


_LINES: Final = 5_000


_HEAD: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()


class BearerTokens:
    """The tokens of one twin, each with its end."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def issue(self, seconds: float) -> str:
        """A new token that lives for `seconds`. Its head is a real one: a search for tokens in a log finds it."""
        token = f"{_HEAD}.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(32)}"
        self._ends[token] = time.monotonic() + seconds
        return token

    def is_valid(self, token: str) -> bool:
        """Whether `token` was issued here and has not ended."""
        return self._ends.get(token, 0.0) > time.monotonic()

    def revoke_all(self) -> None:
        """Make every token so far invalid."""
        self._ends.clear()
