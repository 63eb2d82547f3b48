"""What the Smart House means by its errors: two kinds of 400, and the 500 that says that there are too many columns."""

import json
from typing import Any, Final

from domain.errors import RequestRejectedError
from providers._http import Response
from providers._quotes import quotable

_REFUSED: Final = 400
# Custom errors come as application/json, the framework's own as application/problem+json; both have these keys.
_SPOKEN: Final = ("application/json", "application/problem+json")
_TOO_WIDE: Final = ("feature space", "featurespace", "too many columns", "more restrictive filters")


def refusal_of(response: Response, *, place: str) -> RequestRejectedError:
    """The error for a 400, told apart by what it says."""
    detail = _detail(response)
    quoted = quotable(response.media_type, response.body, ())
    if "date_from" in detail or "date_to" in detail:
        culprit, fix = "the provider does not take the date", "report it: the house sends yyyy-mm-dd and nothing else"
    elif "format" in detail and "supported" in detail:
        culprit, fix = "the provider does not know the format", "write format: json, csv or xml in defs.yaml"
    else:
        culprit, fix = "the provider refuses the request", "read what it says; the same request is not sent again"
    words = f"{culprit} (400) and said {quoted!r}" if quoted else f"{culprit} (400)"
    return RequestRejectedError(words, place=place, fix=fix, status=_REFUSED)


def is_too_wide(response: Response) -> bool:
    """Whether a 500 says that the answer would have too many columns; any other 500 is just one."""
    detail = _detail(response).lower()
    return any(words in detail for words in _TOO_WIDE)


def _detail(response: Response) -> str:
    if response.media_type not in _SPOKEN:
        return ""
    try:
        document: Any = json.loads(response.body)
    except (ValueError, RecursionError):
        return ""
    words = [document.get(name) for name in ("title", "detail")] if isinstance(document, dict) else []
    return " ".join(word for word in words if isinstance(word, str))
