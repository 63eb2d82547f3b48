"""Origins (scheme, host, port) as browsers send them, and which of them are ours."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from domain.errors import ConfigurationError

VARIABLE: Final = "UI_ORIGINS"
"""The variable that names further origins under which the UI is reached."""

_LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65535
_HOST: Final = re.compile(
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a page comes from (RFC 6454).

    Attributes:
        scheme: `http` or `https`.
        host: A name or an address in lower case; IPv6 in brackets.
        port: The port, also where it is the scheme's own.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The origin that `text` is; None where it is none, as `null` is."""
        scheme, separator, rest = text.lower().partition("://")
        if not separator or scheme not in _DEFAULT_PORTS or (found := _parse_host(rest)) is None:
            return None
        host, port = found
        return cls(scheme, host, _DEFAULT_PORTS[scheme] if port is None else port)

    def is_reached_by(self, host: str, port: int | None) -> bool:
        """Whether a `Host` header of these two is what a browser sends for this origin."""
        return (host, _DEFAULT_PORTS[self.scheme] if port is None else port) == (self.host, self.port)

    def __str__(self) -> str:
        """As a browser writes it: without the scheme's own port."""
        return f"{self.scheme}://{self.host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")


@dataclass(frozen=True, slots=True)
class OwnOrigins:
    """The origins under which people open this UI.

    Attributes:
        origins: All of them; the first is shown to whoever came by another.
    """

    origins: tuple[Origin, ...]

    @classmethod
    def of(cls, ports: Iterable[int], further: Iterable[str] = ()) -> Self:
        """The loopback address at each of `ports`, and the `further` origins that the operator names.

        Raises:
            ConfigurationError: One of `further` is no origin.
        """
        loopback = (Origin("http", host, port) for port in ports for host in _LOOPBACK_HOSTS)
        return cls(tuple(dict.fromkeys([*loopback, *map(_required, further)])))

    def has_host(self, header: str) -> bool:
        """Whether a `Host` header names one of them."""
        found = _parse_host(header.lower())
        return found is not None and any(origin.is_reached_by(*found) for origin in self.origins)

    def has_origin(self, header: str) -> bool:
        """Whether an `Origin` header is one of them."""
        return Origin.parse(header) in self.origins


def _parse_host(text: str) -> tuple[str, int | None] | None:
    """Host and port; None where the text is anything else."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    port = None if found["port"] is None else int(found["port"])
    return None if port is not None and port > _MAX_PORT else (found["host"], port)


def _required(text: str) -> Origin:
    origin = Origin.parse(text.removesuffix("/"))
    if origin is None:
        raise ConfigurationError(
            f"{text!r} is no origin",
            place=VARIABLE,
            fix="write it as https://energy.example.org, with commas between several",
        )
    return origin
