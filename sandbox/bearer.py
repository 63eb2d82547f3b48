"""Bearer tokens that a twin only has to know again: random, in the shape of a signed token."""

import base64
import secrets
from typing import Final

_HEAD: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()


def random_token() -> str:
    """A new token. Its head is a real one, so that a search for tokens in a log finds it."""
    return f"{_HEAD}.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(32)}"
