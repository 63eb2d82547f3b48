"""What a person may set about Servitly's twin."""

import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from sandbox.settings import SettingError, TwinSettings

URL_KINDS: Final = ("api", "relative", "signed")
BUSY_STATUSES: Final = (400, 409, 429)


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings.

    Attributes:
        username: The e-mail address that may log in.
        password: Its password, and its personal access token; random unless given.
        api_key: The application's key; random unless given.
        tenant: The tenant's name.
        token_seconds: How long a token lives.
        job_seconds: How long a job is PENDING.
        url_kind: What `url` is: `api` (absolute, with our credentials), `relative`, or `signed` (absolute, on another
            host name, where an Authorization header is refused).
        url_seconds: How long a signed address is good.
        busy_status: What a second order is answered with while one is pending; no document says it.
        last_day: The last day with measured rows; None for today, up to now.
        are_sizes_behind: Whether members are written as a stream, their sizes behind them.
    """

    credentials: ClassVar[tuple[str, ...]] = ("username", "password", "api_key")

    username: str = "fleet@joulehouse.example"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    tenant: str = "acme"
    token_seconds: float = 3600.0
    job_seconds: float = 1.0
    url_kind: str = "api"
    url_seconds: float = 600.0
    busy_status: int = 400
    last_day: date | None = None
    are_sizes_behind: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            SettingError: A word or a number is not one of those listed.
        """
        if self.url_kind not in URL_KINDS:
            raise SettingError(f"url_kind cannot be {self.url_kind!r}; it is one of {', '.join(URL_KINDS)}.")
        if self.busy_status not in BUSY_STATUSES:
            raise SettingError(f"busy_status cannot be {self.busy_status}; it is one of {BUSY_STATUSES}.")
