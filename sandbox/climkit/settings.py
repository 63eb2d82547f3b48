"""What a person may set about Climkit's twin."""

import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from sandbox.settings import SettingError, TwinSettings

_WORDS: Final = {
    "sites_shape": ("objects", "texts"),
    "prim_ad": ("number", "text"),
    "sensor_epoch": ("seconds", "milliseconds", "mixed"),
    "retry_after": ("none", "seconds", "date"),
}


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings. What no document says is our choice: all but the two credentials and the token's life.

    Attributes:
        username: The API user that may log in.
        password: Its password; random unless given.
        token_seconds: How long a token lives.
        requests_per_second: What is allowed, logins included; 0 for anything.
        retry_after: What an answer 429 says of waiting: `none`, `seconds` or the `date`.
        sites_shape: How sites are listed: as `objects`, or as `texts`, as in 2022.
        prim_ad: Whether a meter's primary address is a `number` or a `text`.
        sensor_epoch: What a sensor's timestamps count: `seconds`, `milliseconds`, or both `mixed`.
        has_dust: Whether values carry the float dust of differences of counters.
        is_end_included: Whether a row that is labelled `t_e` belongs to the answer.
        late_quarters: Validated quarters that are not there yet, counted back from the last one.
        oldest_day: The first day that may be read; an earlier `t_s` is cut in silence.
        is_oldest_refused: An earlier `t_s` is refused with 403 instead.
        last_day: The last day with data; None for today, up to now.
    """

    credentials: ClassVar[tuple[str, ...]] = ("username", "password")

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

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            SettingError: A word is not one of those listed, or a number is out of range.
        """
        for name, known in _WORDS.items():
            word = getattr(self, name)
            if word not in known:
                raise SettingError(f"{name} cannot be {word!r}; it is one of {', '.join(known)}.")
        if self.requests_per_second < 0 or self.late_quarters < 0:
            raise SettingError("requests_per_second and late_quarters cannot be negative.")
