"""The settings of Climkit's twin, and the faults that it can have."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from sandbox.faults import COMMON_FAULTS, FaultKind
from sandbox.settings import SettingError, TwinSettings


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings. Only the credentials and the token's life follow a document; the rest is our choice.

    Attributes:
        username: The API user that can log in.
        password: Its password; random unless it is set.
        token_seconds: How long a token lives.
        requests_per_second: What is allowed, logins included; 0 for anything.
        retry_after: The waiting time in a response 429: `none`, `seconds` or the `date`.
        sites_shape: How sites are listed: as `objects`, or as `texts`, as in 2022.
        prim_ad: Whether a meter's primary address is a `number` or a `text`.
        sensor_epoch: What a sensor's timestamps count: `seconds`, `milliseconds`, or both `mixed`.
        has_dust: Whether values carry the float dust of differences of counters.
        is_end_included: Whether a row with the label `t_e` belongs to the response.
        late_quarters: Validated quarters that are still missing, counted back from the last one.
        oldest_day: The first readable day; an earlier `t_s` is cut in silence.
        is_oldest_refused: An earlier `t_s` is refused with 403 instead.
        last_day: The last day with data; None for today, up to now.
    """

    credentials: ClassVar = ("username", "password")
    choices: ClassVar = {
        "sites_shape": ("objects", "texts"),
        "prim_ad": ("number", "text"),
        "sensor_epoch": ("seconds", "milliseconds", "mixed"),
        "retry_after": ("none", "seconds", "date"),
    }

    username: str = "api@joulehouse.example"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    token_seconds: float = 900.0
    requests_per_second: float = 1.0
    retry_after: str = "none"
    sites_shape: str = "objects"
    prim_ad: str = "number"
    sensor_epoch: str = "seconds"
    has_dust: bool = True
    is_end_included: bool = True
    late_quarters: int = 0
    oldest_day: date | None = None
    is_oldest_refused: bool = False
    last_day: date | None = None

    def check(self) -> None:
        """Refuse numbers out of range."""
        if self.requests_per_second < 0 or self.late_quarters < 0:
            raise SettingError("requests_per_second and late_quarters cannot be negative.")


FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "naive_times": FaultKind("Timestamps lack their offset."),
    "cell": FaultKind("In the first `rows` rows, the first value is `raw`.", {"rows": 1, "raw": '"---"'}),
    "no_time": FaultKind("The first row has no timestamp."),
    "extra_field": FaultKind("Every row has the field `name` with `value`.", {"name": "tariff", "value": 1.5}),
    "duplicates": FaultKind("The first `rows` rows come twice.", {"rows": 1}),
    "contradiction": FaultKind("The first row comes twice, the second time with other values."),
    "unordered": FaultKind("The rows are reversed."),
    "outside_rows": FaultKind("A row is added that lies `days` days after the end.", {"days": 2}),
    "no_valid_until": FaultKind("The login does not say how long the token lives.", endpoint="login"),
    "unknown_meter_type": FaultKind("The last meter is of the type `type`.", {"type": "gas"}, endpoint="lists"),
    "error_object": FaultKind("Answers 200 with an object that tells of an error."),
}
"""Kind → its summary and options."""
