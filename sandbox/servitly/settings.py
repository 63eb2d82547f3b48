"""The settings of Servitly's twin, and the faults that it can have."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from sandbox.faults import COMMON_FAULTS, FaultKind
from sandbox.settings import TwinSettings


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings.

    Attributes:
        username: The e-mail address that can log in.
        password: Its password, and its personal access token; random unless it is set.
        api_key: The application's key; random unless it is set.
        tenant: The tenant's name.
        token_seconds: How long a token lives.
        job_seconds: How long a job is PENDING.
        url_kind: What `url` is: `api` (absolute, with our credentials), `relative`, or `signed` (absolute, on another
            host name, where an Authorization header is refused).
        url_seconds: How long a signed address is valid.
        busy_status: The status for a second order while one is pending; no document describes it.
        last_day: The last day with measured rows; None for today, up to now.
        are_sizes_behind: Whether members are written as a stream, their sizes behind them.
    """

    credentials: ClassVar = ("username", "password", "api_key")
    choices: ClassVar = {"url_kind": ("api", "relative", "signed"), "busy_status": (400, 409, 429)}

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


FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "job_fails": FaultKind(
        "The ordered job ends with `state` and `message`.", {"state": "ERROR", "message": "No space left"}
    ),
    "job_stuck": FaultKind("The ordered job stays in `state`.", {"state": "PENDING"}),
    "job_vanishes": FaultKind("The ordered job is unknown afterwards."),
    "no_id": FaultKind("The order is accepted, and the response has no id."),
    "no_url": FaultKind("The details lack `url`, although the job is COMPLETED.", endpoint="details"),
    "url": FaultKind("The details name `url`.", {"url": "https://evil.example/x"}, endpoint="details"),
    "redirect": FaultKind(
        "The archive's address answers `code` and sends to `to`.",
        {"code": 302, "to": "http://127.0.0.1:9/"},
        endpoint="archive",
    ),
    "header": FaultKind("The first column is called `name`.", {"name": "Zeit"}, endpoint="archive"),
    "twin_column": FaultKind("A file's first metric comes a second time.", endpoint="archive"),
    "separator": FaultKind("Cells are separated by `separator`.", {"separator": ";"}, endpoint="archive"),
    "no_data_marks": FaultKind("`---` stands in empty cells.", endpoint="archive"),
    "decimal_comma": FaultKind("Numbers have a decimal comma.", endpoint="archive"),
    "cell": FaultKind("In each file, the first value is `raw`.", {"raw": "n/a"}, endpoint="archive"),
    "row": FaultKind("Each file ends with the line `raw`.", {"raw": "1"}, endpoint="archive"),
    "csv_bom": FaultKind("Files begin with a byte order mark.", endpoint="archive"),
    "crlf": FaultKind("Lines end CRLF.", endpoint="archive"),
    "header_only": FaultKind("Files have no rows.", endpoint="archive"),
    "outside_rows": FaultKind(
        "A row is added that lies `seconds` after the end.", {"seconds": 60.0}, endpoint="archive"
    ),
    "empty_archive": FaultKind("The archive has no files.", endpoint="archive"),
    "member_name": FaultKind("The first file is called `name`.", {"name": "../../evil.csv"}, endpoint="archive"),
    "zip64": FaultKind("Members are written as larger than 4 GiB would be.", endpoint="archive"),
    "encrypted": FaultKind("The first file says that it is encrypted.", endpoint="archive"),
    "flip": FaultKind("A byte of the archive is wrong.", {"fraction": 0.3}, endpoint="archive"),
    "shorten": FaultKind("The archive is cut, and all framing agrees.", {"fraction": 0.7}, endpoint="archive"),
}
"""Kind → its summary and options."""
