"""An outgoing proxy: where it is, and what proves there who we are. The way through it is in `_tunnel.py`."""

import base64
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, unquote

from domain.errors import ConfigurationError
from providers._addresses import Address
from providers._http_types import Secret

DIRECT: Final = "direct"
"""What is written in place of an address where no proxy is wanted."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An outgoing proxy.

    Attributes:
        host: Its name or address; it may stand in a private network.
        port: Where it listens.
        setting: What names it, for messages.
        user: As it knows us; empty for nobody.
        password: That user's.
    """

    host: str
    port: int
    setting: str
    user: str = ""
    password: Secret = Secret("")

    @classmethod
    def parse(cls, url: str, *, setting: str) -> Self | None:
        """Read the address of a proxy; None for `direct`.

        Args:
            url: `http://[user:password@]host[:port]`, percent-encoded where need be. It is never quoted.
            setting: What it was written in.

        Raises:
            ConfigurationError: It is none.
        """
        if url.strip() == DIRECT:
            return None
        scheme, separator, rest = url.strip().partition("://")
        proof, at, netloc = rest.rpartition("@")
        fix = f"write http://host:port, or {DIRECT} for none; a user and a password as http://user:password@host:port"
        try:
            address = Address.parse(f"http://{netloc}")
        except ValueError:
            address = None
        if not separator or scheme.lower() != "http" or address is None or address.path.strip("/") or address.query:
            culprit = "the proxy's address is not one of an HTTP proxy"
            raise ConfigurationError(culprit, place=setting, fix=fix)
        user, colon, password = (unquote(part) for part in proof.partition(":"))
        if at and not (user and colon):
            raise ConfigurationError("the proxy's address has a user without a password", place=setting, fix=fix)
        return cls(address.host, address.port, setting, user, Secret(password))

    @property
    def url(self) -> str:
        """The whole address, as programs that are no code of ours read it; it holds the password."""
        proof = f"{quote(self.user, safe='')}:{quote(self.password.reveal(), safe='')}@" if self.user else ""
        return f"http://{proof}{self}"

    @property
    def headers(self) -> dict[str, str]:
        """What proves there who we are (RFC 7617); it holds the password."""
        proof = base64.b64encode(f"{self.user}:{self.password.reveal()}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {proof}"} if self.user else {}

    def __str__(self) -> str:
        """For messages: host and port."""
        return Address("http", self.host, self.port, "", "").netloc
