"""Bearer tokens that a twin only has to recognize: random, in the shape of a signed token."""

import base64
import secrets
import time
from typing import Final

_HEAD: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()


class BearerTokens:
    """The tokens of one twin, each with its end."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def issue(self, seconds: float) -> str:
        """A new token that lives for `seconds`. Its head is a real one: a search for tokens in a log finds it."""
        token = f"{_HEAD}.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(32)}"
        self._ends[token] = time.monotonic() + seconds
        return token

    def is_valid(self, token: str) -> bool:
        """Whether `token` was issued here and has not ended."""
        return self._ends.get(token, 0.0) > time.monotonic()

    def revoke_all(self) -> None:
        """Make every token so far invalid."""
        self._ends.clear()
