"""The settings of VoltStorage's twin, and the faults that it can have."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from sandbox.faults import COMMON_FAULTS, FaultKind
from sandbox.settings import SettingError, TwinSettings

_CLOSEST_MS, _MINUTE_MS = 10, 60_000
_LONGEST_LAG_SECONDS: Final = 1e9  # thirty years are enough


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings.

    Attributes:
        username: The e-mail address that can log in.
        password: Its password; random unless it is set.
        token_seconds: How long a token lives; 0 for its `validity`.
        token_in: Where a token is accepted: `header`, `query` or `both`.
        json_shape: The form of a JSON export, which no document describes: `records` or `columns`.
        live_time: The stream's `time`: whole `seconds` as documented, or with a `fraction`.
        has_seconds: Whether there is product 78, with a row every `spacing_ms`.
        spacing_ms: Milliseconds between two rows of product 78.
        last_day: The last day with measured rows; None for today, up to now.
        export_lag_seconds: How far an export is behind: it holds no row that is younger.
        is_hint_sent: Whether a CSV begins with `sep=`.
        is_line_ended: Whether the last line of a CSV ends.
        is_gzip: Whether responses are compressed for a client that accepts gzip.
    """

    credentials: ClassVar = ("username", "password")
    choices: ClassVar = {
        "json_shape": ("records", "columns"),
        "live_time": ("seconds", "fraction"),
        "token_in": ("both", "header", "query"),
    }

    username: str = "home@joulehouse.example"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    token_seconds: float = 0.0
    token_in: str = "both"  # noqa: S105 - a word, no token
    json_shape: str = "records"
    live_time: str = "seconds"
    has_seconds: bool = False
    spacing_ms: int = 1000
    last_day: date | None = None
    export_lag_seconds: float = 0.0
    is_hint_sent: bool = True
    is_line_ended: bool = True
    is_gzip: bool = True

    def check(self) -> None:
        """Refuse numbers out of range."""
        if not _CLOSEST_MS <= self.spacing_ms <= _MINUTE_MS or _MINUTE_MS % self.spacing_ms:
            raise SettingError("spacing_ms must divide a minute, and lie between 10 and 60,000.")
        if not 0 <= self.export_lag_seconds <= _LONGEST_LAG_SECONDS:
            raise SettingError("export_lag_seconds must lie between 0 and 1,000,000,000.")


FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "mixed_separators": FaultKind("Rows are separated by `separator`, the header as requested.", {"separator": ","}),
    "wrong_hint": FaultKind("The first line names `hint`, whatever is used.", {"hint": ";"}),
    "cut_last_line": FaultKind("The last line ends `characters` too early, and all framing agrees.", {"characters": 7}),
    "unix_lines": FaultKind("Lines end with a line feed alone."),
    "extra_column": FaultKind("A further column `name` has the value `value`.", {"name": "Power_New", "value": "1.5"}),
    "twin_column": FaultKind("The first column comes a second time, at the end."),
    "short_row": FaultKind("The first row lacks two cells."),
    "cell": FaultKind("In the first `rows` rows, the first cell behind the time is `raw`.", {"rows": 1, "raw": "n/a"}),
    "outside_rows": FaultKind("A row is added that lies `seconds` after the end.", {"seconds": 60.0}),
    "page_repeats": FaultKind("Every page of products is the first.", endpoint="products"),
    "count_ignored": FaultKind("Every page of products holds all of them.", endpoint="products"),
    "no_token": FaultKind("The login has no token in its response.", endpoint="login"),
    "message_lost": FaultKind("A message of the stream is not sent.", endpoint="stream"),
    "message_twice": FaultKind("A message of the stream is sent twice.", endpoint="stream"),
    "message_late": FaultKind("A message of the stream comes after the next one.", endpoint="stream"),
    "message": FaultKind("A message of the stream is `body`.", {"body": "no JSON"}, endpoint="stream"),
    "stream_silent": FaultKind("A stream stays open, answers pings and says nothing more.", endpoint="stream"),
    "message_huge": FaultKind("A message of the stream has `mib` MiB.", {"mib": 64}, endpoint="stream"),
    "redirect": FaultKind("The stream's handshake is answered with a redirect to `to`.", {"to": "http://127.0.0.1:9/"}),
}
"""Kind → its summary and options."""
