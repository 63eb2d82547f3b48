"""Websockets, once: one connection to one origin, read with bounds. The sibling of `_http.py`.

It raises nothing but the error classes of `domain.errors`. It follows no redirect, accepts no
compression, and lets no address, header or foreign exception text into a message or a log. A connection that has died
without a word is found out by pings.
"""

import contextlib
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpcore
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from domain.contract import Closeable
from domain.errors import AddressRefusedError, PayloadUnreadableError, ProviderError, ProviderUnavailableError
from providers._addresses import Origin, Resolver, is_loopback, look_up
from providers._http_errors import FAILURES, failure_of_status
from providers._http_types import USER_AGENT
from providers._proxy import Proxy
from providers._socket import Deadline, ForbiddenAddressError, GuardedBackend, permit_by_name
from providers._socket import tls as trusted
from providers._tls_errors import tls_failure
from providers._tunnel import NoTunnelError

_SCHEMES: Final[Mapping[str, str]] = {"https": "wss", "http": "ws"}
_TRY_LATER: Final = "wait: it is opened again, and what was missed is marked"

# The library writes addresses and headers at DEBUG, and both may hold a token.
_silent: Final = logging.getLogger("joulehouse.stream")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False
_silent.setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """The bounds of one stream.

    Attributes:
        open_seconds: To look the name up, connect, shake hands and be let in.
        ping_seconds: Between two pings, and for the answer to one.
        max_message_bytes: One message; a larger one ends the stream.
        max_waiting: Messages read and not yet taken; then nothing more is read.
    """

    open_seconds: float = 10.0
    ping_seconds: float = 20.0
    max_message_bytes: int = 2**20
    max_waiting: int = 16


class RefusedStreamError(Exception):
    """The handshake was answered with a status. It never leaves the package.

    Args:
        error: What to raise if nothing can be done about it.
        accuses_token: Whether another token may be let in.
    """

    def __init__(self, error: ProviderError, *, accuses_token: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.accuses_token = accuses_token


class TextStream(Closeable):
    """An open websocket that is only listened to. Close it, or use it in `with`."""

    def __init__(self, connection: ClientConnection, opened: contextlib.ExitStack, place: str) -> None:
        self._connection = connection
        self._opened = opened
        self._place = place

    def receive(self, timeout_seconds: float) -> str | None:
        """The next message; None if none came in time.

        Raises:
            PayloadUnreadableError: The message is binary; the stream goes on.
            ProviderUnavailableError: The stream has ended.
        """
        try:
            message = self._connection.recv(timeout=timeout_seconds)
        except TimeoutError:
            return None
        except (ConnectionClosed, WebSocketException, OSError, EOFError):
            raise ProviderUnavailableError("the stream has ended", place=self._place, fix=_TRY_LATER) from None
        if isinstance(message, str):
            return message
        fix = "compare the stream with the provider's documentation"
        raise PayloadUnreadableError("a message of the stream is binary", place=self._place, fix=fix)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(WebSocketException, OSError, EOFError):
            self._opened.close()


def open_stream(
    origin: Origin,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    source: str,
    limits: StreamLimits = StreamLimits(),
    ca_file: Path | None = None,
    proxy: Proxy | None = None,
    resolve: Resolver = look_up,
) -> TextStream:
    """Open the websocket at `path` below `origin`.

    Args:
        origin: Where the API lives; https becomes wss.
        path: Relative to the origin's base path.
        params: Sent as an encoded query.
        headers: What proves who we are.
        source: Whose account it is, for messages.
        limits: Its bounds.
        ca_file: A private certificate authority in PEM, believed beside the public ones.
        proxy: What connects, and looks the name up, in our place; None for nothing.
        resolve: Looks names up.

    Raises:
        RefusedStreamError: The handshake was answered with a status.
        ProviderError: There is no stream, for another reason.
        ConfigurationError: `ca_file` cannot be read.
    """
    place = f"{source}, stream {origin.place(path)}"
    url = origin.url(path, params, place=place)
    scheme, _, rest = url.partition("://")
    trust = trusted(ca_file) if scheme == "https" else None
    proxy = None if is_loopback(origin.host) else proxy
    sock = _connected(origin, GuardedBackend(resolve, permit_by_name, proxy), limits, place)
    opened = contextlib.ExitStack()
    try:
        opening = connect(
            f"{_SCHEMES[scheme]}://{rest}",
            sock=sock,
            ssl=trust,
            compression=None,
            additional_headers=dict(headers),
            user_agent_header=USER_AGENT,
            proxy=None,  # the socket is already through it
            open_timeout=limits.open_seconds,
            ping_interval=limits.ping_seconds,
            ping_timeout=limits.ping_seconds,
            close_timeout=1.0,
            max_size=limits.max_message_bytes,
            max_queue=limits.max_waiting,
            logger=_silent,
        )
        connection = opened.enter_context(opening)  # a newer library connects here, an older one above
    except (WebSocketException, ValueError, OSError, EOFError) as error:
        sock.close()
        raise _refusal(error, place, url, proxy) from None
    return TextStream(connection, opened, place)


def _connected(origin: Origin, backend: GuardedBackend, limits: StreamLimits, place: str) -> socket.socket:
    """A socket to the origin, as `_http` would make one: looked up once, and to permitted addresses alone."""
    try:
        with Deadline(limits.open_seconds):
            stream = backend.connect_tcp(origin.host, origin.port, limits.open_seconds)
    except ForbiddenAddressError:
        policy = FAILURES[ForbiddenAddressError]
        raise policy.kind(policy.culprit, place=place, fix=policy.fix) from None
    except NoTunnelError as error:
        raise error.kind(error.culprit, place=place, fix=error.fix) from None
    except (httpcore.NetworkError, httpcore.TimeoutException):
        raise ProviderUnavailableError("no connection could be made", place=place, fix=_TRY_LATER) from None
    sock: socket.socket = stream.get_extra_info("socket")
    sock.settimeout(None)
    return sock


def _refusal(error: Exception, place: str, url: str, proxy: Proxy | None) -> Exception:
    """Why there is no stream. A redirect comes wrapped: the library follows none on a socket of ours, and says so."""
    answered = error if isinstance(error, InvalidStatus) else error.__cause__ or error.__context__
    if isinstance(answered, InvalidStatus):
        status = answered.response.status_code
        headers = {name.lower(): value for name, value in answered.response.headers.raw_items()}
        failure = failure_of_status(status, headers, url)
        if failure is not None:
            return RefusedStreamError(failure.error(place), accuses_token=failure.accuses_token)
        fix = "check the path of the stream"
        return PayloadUnreadableError(f"the answer ({status}) is no stream", place=place, fix=fix)
    tls = tls_failure(error, proxy)
    if tls is not None and not tls.may_retry:
        return AddressRefusedError(tls.culprit, place=place, fix=tls.fix)
    if isinstance(error, OSError | EOFError | TimeoutError):
        return ProviderUnavailableError("the stream did not open", place=place, fix=_TRY_LATER)
    return ProviderUnavailableError("the handshake of the stream failed", place=place, fix=_TRY_LATER)
