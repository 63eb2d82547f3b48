"""What a provider says about its refusal, fit for a message: short, plain, and without a secret in any spelling."""

import base64
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

LONGEST_QUOTED_BYTES: Final = 2048
"""So much of a refusal is read."""

_LONGEST_QUOTED: Final = 200
_SHORTEST_SECRET: Final = 4  # anything shorter would blacken half of every sentence
# Signed links carry their secret in the query; a JWT is one wherever it stands.
_QUERY: Final = re.compile(r"\?[^\s\"']+")
JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*")
_QUOTED_TYPES: Final = frozenset({"application/json", "application/problem+json", "text/plain"})


def quotable(media_type: str, body: bytes, secrets: Iterable[str]) -> str:
    """What a provider says about its refusal, fit for a message: at most 200 characters of plain text, in one line.

    Empty if it is not text or JSON.

    Args:
        media_type: Without parameters.
        body: The beginning of it.
        secrets: What must not be seen in it, whether plain, URL-encoded or in base64.
    """
    if media_type not in _QUOTED_TYPES:
        return ""
    text = body[:LONGEST_QUOTED_BYTES].decode("utf-8", "replace")
    for secret in secrets:
        for form in spellings(secret):
            text = text.replace(form, "***")
    text = JWT.sub("***", _QUERY.sub("?***", text))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST_QUOTED else text[:_LONGEST_QUOTED] + "…"


def spellings(secret: str) -> list[str]:
    """How `secret` can be written: plain, URL-encoded twice over, in base64; none if it is too short to be one."""
    if len(secret) < _SHORTEST_SECRET:
        return []
    raw = secret.encode("utf-8", "surrogateescape")
    encoded = [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    return [secret, quote(secret, safe=""), quote_plus(secret), *encoded, *(code.rstrip("=") for code in encoded)]
