"""Which addresses a request may go to. Compared after parsing; what two parsers could read differently is refused."""

import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Self
from urllib.parse import quote, urlencode

from domain.errors import AddressRefusedError, ConfigurationError

Resolver = Callable[[str, int], Sequence[str]]

_LONGEST_URL_BYTES: Final = 8192  # what common servers accept in a request line
_PORTS: Final[Mapping[str, int]] = {"https": 443, "http": 80}
_NETLOC: Final = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9.-]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_LONGEST_HOST: Final = 253
_SEGMENT: Final = re.compile(r"(?:[A-Za-z0-9._~-]|%(?!2[eEfF]|5[cC]|[01][0-9A-Fa-f]|7[fF])[0-9A-Fa-f]{2})+")
# Addresses that carry an IPv4 address inside: the inner one decides, or the whole range is refused.
_NAT64: Final = IPv6Network("64:ff9b::/96")
_TUNNELS: Final = (IPv6Network("2002::/16"), IPv6Network("2001::/32"), IPv6Network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed http or https URL, without user, fragment or any spelling that two parsers could read differently."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)  # it and the query may be a signed address
    query: str = field(repr=False)  # with its question mark

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take `url` apart.

        Raises:
            ValueError: With the reason as a clause that quotes nothing of the URL.
        """
        if len(url) > _LONGEST_URL_BYTES or not re.fullmatch(r"[\x21-\x5b\x5d-\x7e]+", url):
            msg = "it is empty, longer than 8,192 bytes, or has spaces, backslashes or characters beyond ASCII"
            raise ValueError(msg)
        scheme, separator, rest = url.partition("://")
        scheme = scheme.lower()
        if not separator or scheme not in _PORTS:
            msg = "its scheme is neither https nor http"
            raise ValueError(msg)
        place, query_mark, query = rest.partition("?")
        name, slash, path = place.partition("/")
        netloc = _NETLOC.fullmatch(name.lower())
        if netloc is None or "#" in url:
            msg = "its host is not a plain name or address with at most a port, or it has a user or a fragment"
            raise ValueError(msg)
        host = _plain_host(netloc["six"], netloc["name"])
        port = int(netloc["port"]) if netloc["port"] else _PORTS[scheme]
        if not 0 < port < 2**16:
            msg = "its port is not one"
            raise ValueError(msg)
        return cls(scheme, host, port, slash + path, query_mark + query)

    @property
    def netloc(self) -> str:
        """Host and, where it is not the scheme's own, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address in one spelling."""
        return f"{self.scheme}://{self.netloc}{self.path or '/'}{self.query}"


def _plain_host(six: str | None, name: str | None) -> str:
    """The host in one spelling. `127.1`, `0x7f.1`, `2130706433` are refused: resolvers read them as addresses."""
    if six is not None:
        try:
            return str(IPv6Address(six))
        except ValueError:
            msg = "its host is not an IPv6 address"
            raise ValueError(msg) from None
    name = name or ""
    if len(name) > _LONGEST_HOST or not _HOST.fullmatch(name):
        msg = "its host is not a name"
        raise ValueError(msg)
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]):
        try:
            return str(IPv4Address(name))
        except ValueError:
            msg = "its host is a number that is not a plain IPv4 address"
            raise ValueError(msg) from None
    return name


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its spelling: a loopback address or `localhost`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_ip(host: str) -> bool:
    """Whether `host` is an address by its spelling, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address lies in the open internet, whatever it is wrapped in."""
    try:
        ip = ip_address(address)
    except ValueError:  # a scoped address (fe80::1%eth0), or none at all
        return False
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local or any(ip in tunnel for tunnel in _TUNNELS):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def look_up(host: str, port: int) -> list[str]:
    """The addresses of `host`, by the system's resolver, each once and in its order.

    Raises:
        OSError: The name is unknown, or nobody could be asked.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one API lives: scheme, host, port and the path below which every request is sent."""

    scheme: str
    host: str
    port: int
    base_path: str

    @classmethod
    def parse(cls, url: str, *, place: str) -> Self:
        """Read the address of an API.

        Args:
            url: `https://host[:port][/base/path]`. Plain http is taken for loopback alone (the sandbox).
            place: Where the address was written, for the message.

        Raises:
            ConfigurationError: Anything else: a user, a query, a fragment, a host that is not plainly one.
        """
        fix = "write https://host/path, without user, query or fragment"
        try:
            address = Address.parse(url)
        except ValueError as refusal:
            raise ConfigurationError(
                f"the address of the API is refused because {refusal}", place=place, fix=fix
            ) from None
        if address.query:
            raise ConfigurationError("the address of the API has a query", place=place, fix=fix)
        if address.scheme != "https" and not is_loopback(address.host):
            culprit = f"the address of the API on {address.netloc} is plain http, and credentials would be readable"
            raise ConfigurationError(culprit, place=place, fix="use https; plain http is for loopback addresses alone")
        segments = [segment for segment in address.path.split("/") if segment]
        if not _is_safe(segments):
            raise ConfigurationError(f"the path of the API on {address.netloc} is not plain", place=place, fix=fix)
        return cls(address.scheme, address.host, address.port, "".join(f"/{segment}" for segment in segments))

    @property
    def netloc(self) -> str:
        """Host and, where it is not the scheme's own, port."""
        return Address(self.scheme, self.host, self.port, "", "").netloc

    def place(self, path: str) -> str:
        """`host/path` for messages: no scheme, no query."""
        return f"{self.netloc}{self._full(path)}"

    def url(self, path: str, params: Mapping[str, str | Sequence[str]], *, place: str) -> str:
        """The URL of `path` below the base path; a leading slash changes nothing, a list repeats its parameter.

        Raises:
            AddressRefusedError: The path is an address of its own, climbs, or carries a query; or the whole is longer
                than 8,192 bytes.
        """
        if not self._is_below(path):
            raise AddressRefusedError(
                "the path is not a plain one below the API's address",
                place=place,
                fix="give a relative path without `..`, and what is asked for as parameters",
            )
        listed = {name: [value] if isinstance(value, str) else list(value) for name, value in params.items()}
        if not all(is_text(text) for name, value in listed.items() for text in (name, *value)):
            fix = "do not send back text that is not Unicode"
            raise AddressRefusedError("a parameter cannot be encoded", place=place, fix=fix)
        query = urlencode(listed, doseq=True, quote_via=quote, safe="")
        url = f"{self.scheme}://{self.netloc}{self._full(path)}{'?' if query else ''}{query}"
        if len(url) > _LONGEST_URL_BYTES:
            culprit = f"the address would be {len(url):,} bytes long, beyond {_LONGEST_URL_BYTES:,}"
            raise AddressRefusedError(
                culprit, place=place, fix="look at the parameters; a provider's token may be absurd"
            )
        return url

    def own(self, url: str, *, place: str) -> Address:
        """An address of a file at this very scheme, host and port, as a provider sent it.

        Args:
            url: Whole, or without scheme and host: then it begins at the host if it begins with the base path, and
                below the base path otherwise.
            place: For the message.

        Raises:
            AddressRefusedError: It leads elsewhere, or its path is not plain.
        """
        if "://" not in url.partition("?")[0]:
            is_from_host = url.startswith(f"{self.base_path}/") if self.base_path else url.startswith("/")
            below = "" if is_from_host else f"{self.base_path}/"
            url = f"{self.scheme}://{self.netloc}{below}{url if is_from_host else url.removeprefix('/')}"
        try:
            address = Address.parse(url)
        except ValueError as refusal:
            reason = str(refusal)
        else:
            is_here = (address.scheme, address.host, address.port) == (self.scheme, self.host, self.port)
            if is_here and _is_safe(address.path.removeprefix("/").split("/")):
                return address
            reason = "its path is not plain" if is_here else "its host is not the API's own"
        fix = "ask the provider what it means by this; nothing was sent there"
        raise AddressRefusedError(f"the address is refused because {reason}", place=place, fix=fix)

    def _full(self, path: str) -> str:
        path = path.removeprefix("/")
        return f"{self.base_path}/{path}" if path else self.base_path or "/"

    @staticmethod
    def _is_below(path: str) -> bool:
        path = path.removeprefix("/").removesuffix("/")
        return not path or _is_safe(path.split("/"))


def is_text(text: str) -> bool:
    """Whether it can be encoded; half of a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_safe(segments: Sequence[str]) -> bool:
    return all(_SEGMENT.fullmatch(segment) and segment.strip(".") for segment in segments)
