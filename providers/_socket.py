"""Sockets that keep a deadline and go only where they are permitted to.

The HTTP library bounds each single read and never their sum, and looks names up by itself. Both are decided here, below
it: every look-up, read, write and connect gets what is left of the caller's deadline; and a name is looked up once, its
addresses are judged, and the connection goes to the very address that was judged.
"""

import queue
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar, Token
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import certifi
import httpcore

from domain.errors import ConfigurationError
from providers._addresses import Resolver, is_loopback, is_public
from providers._proxy import Proxy
from providers._tunnel import open_tunnel

Permit = Callable[[str, int, str], bool]

_current: "ContextVar[Deadline | None]" = ContextVar("deadline", default=None)


class Deadline:
    """A bound in time for everything this thread does inside `with`. An inner one never outlasts the outer one."""

    def __init__(self, seconds: float) -> None:
        self._outer = _current.get()
        left = seconds if self._outer is None else min(seconds, self._outer.left())
        self._end = time.monotonic() + left
        self._token: Token[Deadline | None] | None = None

    def left(self) -> float:
        """Seconds until it has passed; negative afterwards."""
        return self._end - time.monotonic()

    def extend(self, seconds: float) -> None:
        """Leave `seconds` out of account: they were spent waiting for our own sake."""
        self._end += seconds
        if self._outer is not None:
            self._outer.extend(seconds)

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)


class ForbiddenAddressError(Exception):
    """The name leads to an address that is not permitted; no connection was made. It never leaves this package."""


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to permitted addresses only, or through a proxy, and hands out sockets that keep the deadline.

    Args:
        resolve: Looks names up.
        permit: Whether a connection may be made to an address.
        proxy: What connects and looks up in our place; this machine is reached without it.
    """

    def __init__(self, resolve: Resolver, permit: Permit, proxy: Proxy | None = None) -> None:
        self._resolve = resolve
        self._permit = permit
        self._proxy = proxy
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002  # the overridden method's; nobody here gives them
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  # the same
    ) -> httpcore.NetworkStream:
        """Look `host` up once and connect to one of its addresses; the time is for all of it together.

        Raises:
            ForbiddenAddressError: One of the addresses is not permitted. One is enough: a name that leads half inside
                is an attack.
            NoTunnelError: There is no way through the proxy.
        """
        if self._proxy is None or is_loopback(host):
            return self._connect(host, port, timeout, self._permit)
        seconds = _allowed(timeout, httpcore.ConnectTimeout)
        return open_tunnel(self._proxy, self._connect, (host, port), seconds)

    def _connect(
        self, host: str, port: int, timeout: float | None, permit: "Permit | None" = None
    ) -> httpcore.NetworkStream:
        end = time.monotonic() + _allowed(timeout, httpcore.ConnectTimeout)
        try:
            addresses = _looked_up(self._resolve, host, port, end - time.monotonic())
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name is unknown") from None
        if permit is not None and not all(permit(host, port, address) for address in addresses):
            raise ForbiddenAddressError
        last: httpcore.NetworkError | httpcore.TimeoutException = httpcore.ConnectError("the name has no address")
        for n_left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = _allowed((end - time.monotonic()) / n_left, httpcore.ConnectTimeout)
            try:
                return _TimedStream(self._plain.connect_tcp(address, port, share))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last


def _looked_up(resolve: Resolver, host: str, port: int, seconds: float) -> Sequence[str]:
    """What `resolve` answers within `seconds`.

    The system's resolver takes no bound and cannot be broken off. It is left to a thread of its own, a daemon, so that
    one which never comes back keeps neither the request nor the end of the process waiting.

    Raises:
        httpcore.ConnectTimeout: It has not answered.
    """
    outcome: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            outcome.put(resolve(host, port))
        except Exception as error:  # noqa: BLE001 (raised again, where somebody waits for it)
            outcome.put(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = outcome.get(timeout=max(seconds, 0.0))
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name was not looked up in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class _TimedStream(httpcore.NetworkStream):
    """A socket whose every wait ends with the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _allowed(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _allowed(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        allowed = _allowed(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, allowed))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _allowed(timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
    deadline = _current.get()
    left = min(timeout if timeout is not None else float("inf"), deadline.left() if deadline else float("inf"))
    if left <= 0 or left == float("inf"):  # a wait without a bound is as wrong as one that has run out
        raise late("the deadline has passed")
    return left


@cache
def tls(ca_file: Path | None = None) -> ssl.SSLContext:
    """What a server must prove: TLS 1.2 or later, a valid chain, its own name. There is no way to switch it off.

    The environment has no say (`SSL_CERT_FILE`, `SSLKEYLOGFILE`), hence not `ssl.create_default_context`.

    Args:
        ca_file: A further certificate authority in PEM, for a provider with a private one.

    Raises:
        ConfigurationError: `ca_file` cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError):
            fix = "name a file of certificates in PEM that this process may read"
            raise ConfigurationError(
                "the file of certificate authorities is unreadable", place=str(ca_file), fix=fix
            ) from None
    return context


def permit_by_name(host: str, _port: int, address: str) -> bool:
    """Names of this machine lead to this machine, all others to the open internet."""
    return is_loopback(address) if is_loopback(host) else is_public(address)


def permit_all(_host: str, _port: int, _address: str) -> bool:
    """For an API that may stand in a private network."""
    return True
