"""What a person may set about VoltStorage's twin."""

import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from sandbox.settings import SettingError, TwinSettings

JSON_SHAPES: Final = ("records", "columns")
LIVE_TIMES: Final = ("seconds", "fraction")
TOKEN_PLACES: Final = ("both", "header", "query")


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings.

    Attributes:
        username: The e-mail address that may log in.
        password: Its password; random unless given.
        token_seconds: How long a token lives; 0 for as long as its `validity` says.
        token_in: Where a token is accepted: `header`, `query` or `both`.
        json_shape: How a JSON export looks, which no document says: `records` or `columns`.
        live_time: The stream's `time`: whole `seconds` as documented, or with a `fraction`.
        has_seconds: Whether product 78, with a row every `spacing_ms`, is there.
        spacing_ms: Milliseconds between two rows of product 78.
        last_day: The last day with measured rows; None for today, up to now.
        export_lag_seconds: How far an export is behind: it holds no row that is younger.
        is_hint_sent: Whether a CSV begins with `sep=`.
        is_line_ended: Whether the last line of a CSV ends.
        is_gzip: Whether answers are compressed for a client that accepts gzip.
    """

    credentials: ClassVar[tuple[str, ...]] = ("username", "password")

    username: str = "home@joulehouse.example"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    token_seconds: float = 0.0
    token_in: str = "both"  # noqa: S105 - a place, no token
    json_shape: str = "records"
    live_time: str = "seconds"
    has_seconds: bool = False
    spacing_ms: int = 1000
    last_day: date | None = None
    export_lag_seconds: float = 0.0
    is_hint_sent: bool = True
    is_line_ended: bool = True
    is_gzip: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            SettingError: A word is not one of those listed, or a number is out of range.
        """
        for name, word, known in (
            ("json_shape", self.json_shape, JSON_SHAPES),
            ("live_time", self.live_time, LIVE_TIMES),
            ("token_in", self.token_in, TOKEN_PLACES),
        ):
            if word not in known:
                raise SettingError(f"{name} cannot be {word!r}; it is one of {', '.join(known)}.")
        if not 10 <= self.spacing_ms <= 60_000 or 60_000 % self.spacing_ms:  # noqa: PLR2004 - a minute in ms
            raise SettingError("spacing_ms must divide a minute, and lie between 10 and 60,000.")
        if not 0 <= self.export_lag_seconds <= 1e9:  # noqa: PLR2004 - thirty years are enough
            raise SettingError("export_lag_seconds must lie between 0 and 1,000,000,000.")
