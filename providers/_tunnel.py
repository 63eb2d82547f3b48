"""The way through an outgoing proxy (HTTP CONNECT), and whose fault it is where there is none.

The proxy is told a name and looks it up itself, so nothing is known here of where that leads: it is asked for names
that are written down, and for no address. What is said inside the tunnel it only carries.
"""

from collections.abc import Callable, Mapping
from typing import Final

import httpcore

from domain.errors import AddressRefusedError, ProviderError, ProxyRefusedError, ProxyUnavailableError
from providers._addresses import is_ip
from providers._http_types import USER_AGENT
from providers._proxy import Proxy

_OK: Final = range(200, 300)
_FORBIDDEN: Final = 403
_UNAUTHENTICATED: Final = (401, 407)  # tinyproxy 1.11.1 answers 401 to a wrong password, and 407 to none
_NO_TUNNELS: Final = frozenset({400, 404, 405, 501})  # what a server of the web answers
_NO_WAY: Final = range(500, 600)
_SCHEMES: Final = ("Negotiate", "NTLM", "Digest", "Bearer")  # of the words a proxy sends, those that are repeated
_ASK: Final = "ask whoever runs the proxy"


class NoTunnelError(Exception):
    """There is no way through the proxy; nothing reached the provider. It never leaves this package.

    Args:
        kind: The class of the error.
        culprit: As in `IngestError`.
        fix: As in `IngestError`.
    """

    def __init__(self, kind: type[ProviderError], culprit: str, fix: str) -> None:
        super().__init__(culprit)
        self.kind, self.culprit, self.fix = kind, culprit, fix


def open_tunnel(
    proxy: Proxy,
    connect: Callable[[str, int, float], httpcore.NetworkStream],
    target: tuple[str, int],
    seconds: float,
) -> httpcore.NetworkStream:
    """A connection that the proxy makes.

    Args:
        proxy: The proxy.
        connect: Makes one to it, by host, port and seconds.
        target: The name, which the proxy looks up, and the port there.
        seconds: To reach the proxy, and once more for its answer.

    Raises:
        NoTunnelError: There is none.
    """
    name = f"{target[0]}:{target[1]}"
    if is_ip(target[0]):
        culprit = f"{target[0]} is an address and no name, and the proxy {proxy} is asked for names alone"
        raise NoTunnelError(AddressRefusedError, culprit, "write the name of the provider's host")
    look = f"check the proxy's address ({proxy.setting}), and that this machine may reach it"
    try:
        stream = connect(proxy.host, proxy.port, seconds)
    except httpcore.TimeoutException:
        raise _unavailable(f"the proxy {proxy} did not take the connection in time", look) from None
    except httpcore.NetworkError:
        raise _unavailable(f"the proxy {proxy} cannot be reached", look) from None
    try:
        answer = _answer(proxy, stream, name, seconds)
    except httpcore.TimeoutException:
        culprit = f"the proxy {proxy} was silent when it was asked for a way to {name}"
        raise _unavailable(culprit, f"wait for the retry; if it stays, {_ASK}") from None
    except (httpcore.NetworkError, httpcore.ProtocolError):
        raise _unavailable(f"the proxy {proxy} broke off, or is no HTTP proxy", look) from None
    if answer.status not in _OK:
        stream.close()
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in answer.headers}
        raise _refusal(proxy, answer.status, headers, name)
    tunnel: httpcore.NetworkStream = answer.extensions["network_stream"]
    return tunnel


def _answer(proxy: Proxy, stream: httpcore.NetworkStream, name: str, seconds: float) -> httpcore.Response:
    url = httpcore.URL(scheme="http", host=proxy.host, port=proxy.port, target=name)
    headers = [*{"Host": name, "User-Agent": USER_AGENT, **proxy.headers}.items()]
    timeouts = {"timeout": {"read": seconds, "write": seconds}}
    request = httpcore.Request("CONNECT", url, headers=headers, extensions=timeouts)
    return httpcore.HTTP11Connection(origin=url.origin, stream=stream).handle_request(request)


def _refusal(proxy: Proxy, status: int, headers: Mapping[str, str], name: str) -> NoTunnelError:
    """What an answer means that opens no tunnel."""
    answered = f"the proxy {proxy} answered {status}"
    if status in _UNAUTHENTICATED:
        offered = headers.get("proxy-authenticate", "").lower()
        others = [scheme for scheme in _SCHEMES if scheme.lower() in offered]
        fix = (
            "write http://user:password@host:port into the variable that names the proxy (JOULEHOUSE_PROXY, or the "
            f"source's proxy_env); it was named by {proxy.setting}"
        )
        if others and "basic" not in offered:
            culprit = f"it takes {' or '.join(others)} alone, and joulehouse shows a user and a password (Basic)"
            return NoTunnelError(ProxyRefusedError, f"{answered}: {culprit}", f"{_ASK} for a way with Basic, or none")
        if not proxy.user:
            return NoTunnelError(ProxyRefusedError, f"{answered}: it wants a user and a password", fix)
        fix = f"check them in {proxy.setting}"
        return NoTunnelError(ProxyRefusedError, f"{answered}: it refuses our user or password", fix)
    if status in _NO_TUNNELS:
        fix = f"check the proxy's address ({proxy.setting}), and whether it permits CONNECT"
        return NoTunnelError(ProxyRefusedError, f"{answered} to CONNECT: it makes no tunnels, or is no proxy", fix)
    if status in _NO_WAY:
        culprit = f"{answered}: it does not know the name of {name}, or reaches nothing there"
        return _unavailable(culprit, f"check that name; if it is right, {_ASK} why it has no way there")
    reason = "its rules let nobody through to" if status == _FORBIDDEN else "it opens no way to"
    return NoTunnelError(ProxyRefusedError, f"{answered}: {reason} {name}", f"{_ASK} to permit CONNECT to {name}")


def _unavailable(culprit: str, fix: str) -> NoTunnelError:
    return NoTunnelError(ProxyUnavailableError, culprit, fix)
