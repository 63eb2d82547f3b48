"""Where a source's API is, and which file says it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a source's API is, and which file says it.

    Attributes:
        source: The source's slug.
        place: The file that describes it, for messages.
        base_url: The provider's address.
        base_url_env: The variable that holds the address; it wins.
        ca_file: A private certificate authority in PEM, believed beside the public ones.
        proxy: The outgoing proxy, without a user, or `direct`; None for that of the environment.
        proxy_env: The variable that holds it; it wins.
    """

    source: str
    place: str
    base_url: str = ""
    base_url_env: str | None = None
    ca_file: Path | None = None
    proxy: str | None = None
    proxy_env: str | None = None
