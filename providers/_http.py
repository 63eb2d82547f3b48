"""HTTP, once: a client for APIs, with credentials and one origin, and a client for files, with neither.

Nothing but the error classes of `domain.errors` leaves this module. What happens on which status is in
`_http_errors.py`, how often something is asked again in `_retry.py`, how one request is sent in `_transport.py`.
"""

import hashlib
import json as json_text
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final
from urllib.parse import urlencode

from domain.contract import Budget
from domain.errors import AddressRefusedError, ConfigurationError, RequestRejectedError
from providers._addresses import Address, Origin, Resolver, is_loopback, is_text, look_up
from providers._http_client import Call, Client
from providers._http_types import FILE_LIMITS, USER_AGENT, Credentials, Download, Limits, Response, Secret
from providers._proxy import Proxy
from providers._retry import Retries
from providers._socket import Permit, permit_all, permit_by_name
from providers._transport import Transport

__all__ = ["ApiClient", "BlobClient", "Credentials", "Download", "Limits", "Origin", "Response", "Secret"]

_NO_PARAMS: Final[Mapping[str, str]] = MappingProxyType({})
_JSON: Final = ("application/json",)


class ApiClient(Client):
    """Asks one API. Safe to use from many threads; close it, or use it in `with`.

    Every request goes below one origin, so a credential cannot reach another host: no redirect is followed and no
    address out of an answer is accepted. A file that an answer points to is `BlobClient`'s.

    Args:
        origin: Where the API lives.
        source: Whose account it is, for messages.
        credentials: What proves who we are; None for none.
        budget: Asked before every request, retries included.
        limits: Bounds in time, size and number.
        user_agent: How we introduce ourselves.
        ca_file: A private certificate authority in PEM, believed beside the public ones.
        allow_private: Whether the API may stand in a private network.
        proxy: What connects, and looks the name up, in our place; None for nothing.
        resolve: Looks names up.
        sleep: Waits between tries.
        spread: Draws a wait from a span.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        source: str,
        credentials: Credentials | None = None,
        budget: Budget | None = None,
        limits: Limits = Limits(),
        user_agent: str = USER_AGENT,
        ca_file: Path | None = None,
        allow_private: bool = False,
        proxy: Proxy | None = None,
        resolve: Resolver = look_up,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        permit: Permit = permit_all if allow_private else permit_by_name
        super().__init__(
            Transport(limits, resolve=resolve, permit=permit, ca_file=ca_file, budget=budget, proxy=proxy),
            Retries(limits, sleep=sleep, spread=spread, postpone=budget.postpone if budget else None),
            source=source,
            credentials=credentials,
            limits=limits,
            user_agent=user_agent,
        )
        self._origin = origin

    @property
    def origin(self) -> Origin:
        """Where the API lives."""
        return self._origin

    def fingerprint(self, *asked: object) -> str:
        """The digest of where it asks, and of what else decides which answers there are, as JSON has it."""
        where = self._origin.url("", {}, place=self.source)
        text = json_text.dumps([where, *asked], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def get(
        self,
        path: str,
        params: Mapping[str, str | Sequence[str]] = _NO_PARAMS,
        *,
        accept: Sequence[str] = _JSON,
        allow_empty: bool = False,
        handled_statuses: Collection[int] = (),
    ) -> Response:
        """Ask for `path` below the origin.

        Args:
            path: Relative to the origin's base path; a leading slash changes nothing.
            params: Sent as an encoded query; a list as its parameter, repeated. Never a credential.
            accept: Media types that the response may have.
            allow_empty: Whether a response without a body is one.
            handled_statuses: Refusals (4xx other than 401 and 429) to hand back as responses instead of raising; or a
                500 that says what asking again would not change.

        Raises:
            ProviderError: and nothing else.
        """
        url, place = self._address("GET", path, params)
        return self.perform(
            Call("GET", url, place, tuple(accept), allow_empty, frozenset(handled_statuses), may_quote=True)
        )

    def post(
        self,
        path: str,
        *,
        params: Mapping[str, str | Sequence[str]] = _NO_PARAMS,
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] = _NO_PARAMS,
        accept: Sequence[str] = _JSON,
        allow_empty: bool = False,
        handled_statuses: Collection[int] = (),
        is_repeatable: bool = True,
    ) -> Response:
        """Send a form, or a JSON document, to `path` below the origin.

        A form may hold a password that the response repeats, so what is said to it is not quoted.

        Args:
            path: As in `get`.
            params: Sent as an encoded query, which no message repeats.
            form: Sent form-encoded.
            json: Sent as JSON, where `form` is None.
            headers: Sent beside those of the client.
            accept: As in `get`.
            allow_empty: As in `get`.
            handled_statuses: As in `get`; here also 401.
            is_repeatable: False where a second arrival does harm (it creates a job): then only what certainly did not
                reach the provider is sent again.

        Raises:
            ProviderError: and nothing else.
        """
        if form is not None and not all(is_text(text) for pair in form.items() for text in pair):
            place = f"{self.source}, POST {self._origin.netloc}"
            fix = "look at the settings it came from; they hold bytes that are not UTF-8"
            raise RequestRejectedError("a value of the form cannot be encoded", place=place, fix=fix)
        if form is not None:
            content, content_type = urlencode(form).encode("ascii"), "application/x-www-form-urlencoded"
        else:
            content, content_type = json_text.dumps(json, allow_nan=False).encode("ascii"), "application/json"
        url, place = self._address("POST", path, params)
        return self.perform(
            Call(
                "POST", url, place, tuple(accept), allow_empty, frozenset(handled_statuses), content, content_type,
                headers, is_repeatable,
            )
        )  # fmt: skip

    def fetch_own(self, url: str, into: BinaryIO) -> Download:
        """Write the file at `url`, with our credentials, to `into`, from where it stands; a retry cuts it to there.

        Args:
            url: An address at the origin's own host, as the provider sent it: whole, or without the host. It never
                appears in a message.
            into: Seekable. What it holds after an error is of no use.

        Raises:
            AddressRefusedError: It leads elsewhere; nothing was sent.
            ProviderError: As for any call.
        """
        address = self._origin.own(url, place=f"{self.source}, address of a file")
        place = f"{self.source}, GET {self._origin.netloc}/…"
        return self.fetch_file(address.url, into, place=place, may_quote=True)

    def _address(self, method: str, path: str, params: Mapping[str, str | Sequence[str]]) -> tuple[str, str]:
        refused = f"{self.source}, {method} {self._origin.netloc}"  # the path itself is not fit for a message yet
        url = self._origin.url(path, params, place=refused)
        return url, f"{self.source}, {method} {self._origin.place(path)}"


class BlobClient(Client):
    """Fetches files from listed hosts, without credentials. Safe to use from many threads; close it, or use `with`.

    An address that a provider sends is only as good as the list: the parsed host must be on it, spelled exactly; https
    alone; the name is looked up once and must lead to public addresses (a proxy looks it up itself). A loopback address
    with its port can be listed for a server on this machine, and then plain http will do. No redirect is followed.

    Args:
        allowed_hosts: Names, each perhaps with `:port`; 443 otherwise.
        source: Whose files, for messages.
        limits: Bounds in time, size and number.
        budget: Asked before every request, retries included.
        user_agent: How we introduce ourselves.
        ca_file: A private certificate authority in PEM, believed beside the public ones.
        proxy: As for an API.
        resolve: Looks names up.
        sleep: Waits between tries.
        spread: Draws a wait from a span.

    Raises:
        ConfigurationError: An entry of `allowed_hosts` is not a host.
    """

    def __init__(
        self,
        allowed_hosts: frozenset[str],
        *,
        source: str,
        limits: Limits = FILE_LIMITS,
        budget: Budget | None = None,
        user_agent: str = USER_AGENT,
        ca_file: Path | None = None,
        proxy: Proxy | None = None,
        resolve: Resolver = look_up,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        super().__init__(
            Transport(limits, resolve=resolve, permit=permit_by_name, ca_file=ca_file, budget=budget, proxy=proxy),
            Retries(limits, sleep=sleep, spread=spread, postpone=budget.postpone if budget else None),
            source=source,
            credentials=None,
            limits=limits,
            user_agent=user_agent,
        )
        self._allowed = frozenset(_host_and_port(entry, source) for entry in allowed_hosts)

    def download(self, url: str, into: BinaryIO) -> Download:
        """Write the file at `url` to `into`, from where it stands; a retry rewinds and cuts it to there.

        Args:
            url: As the provider sent it. It never appears in a message beyond its host.
            into: Seekable. What it holds after an error is of no use.

        Raises:
            AddressRefusedError: The address is not on the list; nothing was looked up or sent.
            CredentialsRejectedError: 403, as for a signed address that has expired: ask for a new one.
            ProviderError: As for an API.
        """
        address = self._listed_address(url)
        place = f"{self.source}, GET {address.scheme}://{address.netloc}/…"
        return self.fetch_file(address.url, into, place=place, may_quote=False)

    def _listed_address(self, url: str) -> Address:
        try:
            address = Address.parse(url)
        except ValueError as refusal:
            reason = str(refusal)
        else:
            if (address.host, address.port) not in self._allowed:
                reason = "its host and port are not on the list"
            elif address.scheme != "https" and not is_loopback(address.host):
                reason = "it is plain http"
            else:
                return address
        fix = "if the provider has moved its files, add the host to the source's list after checking that it is theirs"
        place = f"{self.source}, address of a file"
        raise AddressRefusedError(f"the address is refused because {reason}", place=place, fix=fix)


def _host_and_port(entry: str, source: str) -> tuple[str, int]:
    """The host and port of one entry of a list of hosts."""
    try:
        address = Address.parse(f"https://{entry}")
    except ValueError:
        address = None
    if address is None or address.path or address.query:
        culprit = f"{entry!r} is not a host that files can come from"
        raise ConfigurationError(culprit, place=source, fix="write a name, or a name with :port")
    return address.host, address.port
