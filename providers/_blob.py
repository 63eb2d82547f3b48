"""How a file is fetched from an address that a provider sends: judged by a list before anything is looked up."""

import hashlib
from typing import BinaryIO

from domain.closing import Closing
from domain.errors import AddressRefusedError, ConfigurationError
from providers._addresses import Address, is_loopback
from providers._answer import Download
from providers._limits import Limits
from providers._line import Head, Line, Request
from providers._retry import Retries
from providers._socket import Deadline
from providers._verdict import WEB_PAGES, Failure, failure_of, unexpected_type


class Blobs(Closing):
    """Fetches files from listed hosts over a line, without credentials. Safe to use from many threads.

    Args:
        line: Connections to permitted addresses.
        allowed: Hosts and ports that files may come from.
        source: Whose files, for messages.
        limits: Bounds in time, size and number.
        retries: What repeats failed requests.
        user_agent: How we introduce ourselves.
    """

    def __init__(
        self,
        line: Line,
        allowed: frozenset[tuple[str, int]],
        *,
        source: str,
        limits: Limits,
        retries: Retries,
        user_agent: str,
    ) -> None:
        self._line = line
        self._allowed = allowed
        self._source = source
        self._limits = limits
        self._retries = retries
        self._user_agent = user_agent

    @property
    def n_requests(self) -> int:
        """Requests sent so far, retries included."""
        return self._line.n_requests

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
        place = f"{self._source}, GET {address.scheme}://{address.netloc}/…"
        start = into.tell()
        with Deadline(self._limits.total_seconds) as deadline:
            return self._retries.until_answered(
                lambda: self._attempt(address, into, start, deadline), place=place, deadline=deadline
            )

    def new_step(self) -> None:
        """Begin a step: the failed tries and the waits of the one before no longer count."""
        self._retries.new_step()

    def close(self) -> None:
        """Let go of the connections."""
        self._line.close()

    def _attempt(self, address: Address, into: BinaryIO, start: int, deadline: Deadline) -> Download | Failure:
        into.seek(start)
        into.truncate()
        digest = hashlib.sha256()

        def write(piece: bytes) -> None:
            digest.update(piece)
            into.write(piece)

        headers = {"user-agent": self._user_agent, "accept": "*/*", "accept-encoding": "identity"}
        request = Request("GET", address.url, headers)
        reply = self._line.exchange(request, deadline, judge=self._judge, write=write)
        return reply if isinstance(reply, Failure) else Download(reply.n_bytes, digest.hexdigest(), reply.proof)

    def _judge(self, head: Head) -> Failure | None:
        longest = self._limits.longest_retry_after_seconds
        failure = failure_of(head.status, head.headers, longest_retry_after_seconds=longest)
        if failure is None and head.media_type in WEB_PAGES:
            return unexpected_type(head.media_type, ("a file",))
        return failure

    def _listed_address(self, url: str) -> Address:
        place = f"{self._source}, address of a file"
        fix = "if the provider has moved its files, add the host to the source's list after checking that it is theirs"
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
        raise AddressRefusedError(f"the address is refused because {reason}", place=place, fix=fix) from None


def listed(entry: str, source: str) -> tuple[str, int]:
    """The host and port of one entry of a list of hosts.

    Raises:
        ConfigurationError: It is not a host.
    """
    try:
        address = Address.parse(f"https://{entry}")
    except ValueError:
        address = None
    if address is None or address.path or address.query:
        culprit = f"{entry!r} is not a host that files can come from"
        raise ConfigurationError(culprit, place=source, fix="write a name, or a name with :port")
    return address.host, address.port
