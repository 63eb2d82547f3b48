"""What the Export Service says: the shape of a page, and the meaning of a unit at the end of a field's name.

JSON is read strictly, as everywhere (`providers._json`); the quick look that most pages are content with is its own,
because reading pages is what a wide pull spends its time on.
"""

from dataclasses import dataclass
from typing import Any, Final

from domain.errors import AnswerTooLargeError, PayloadUnreadableError
from domain.texts import clipped
from providers._json import MAX_DEPTH, kind_of, read_json
from providers.export_service.spec import MAX_TOKEN_BYTES

UNIT_SUFFIXES: Final[dict[str, tuple[str, str]]] = {
    # suffix: (quantity, unit). No energy: `_kWh` may be an amount or a register, and no name tells which.
    "W": ("power", "W"), "kW": ("power", "kW"), "MW": ("power", "MW"),
    "VA": ("apparent_power", "VA"), "kVA": ("apparent_power", "kVA"), "MVA": ("apparent_power", "MVA"),
    "var": ("reactive_power", "var"), "kvar": ("reactive_power", "kvar"), "Mvar": ("reactive_power", "Mvar"),
    "mV": ("voltage", "mV"), "V": ("voltage", "V"), "kV": ("voltage", "kV"),
    "mA": ("current", "mA"), "A": ("current", "A"), "kA": ("current", "kA"),
    "Hz": ("frequency", "Hz"), "degC": ("temperature", "degC"), "pct": ("ratio", "pct"),
}  # fmt: skip
"""The end of a field's name, behind its last underscore → what its numbers are, where the account does not say."""

END_TOKENS: Final = frozenset({"", "bnVsbA=="})
"""Tokens that mean the end: the documented empty one, and base64 of `null`, which similar services return."""

_REMEMBERED: Final = 6  # pages: as many as may lie between the one who asks and the one who reads
_FIX: Final = "compare the landed answer with providers/export_service/wire.py"
_MAX_LEVELS: Final = MAX_DEPTH + 3  # the page, its list of documents, and a document are not nesting of a document

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the query endpoint, parsed.

    Attributes:
        token: What continues the listing; empty at its end.
        rows: The documents, as sent; elements that are no objects included.
    """

    token: str
    rows: list[Any]


class _ReadPages:
    """Pages that were just read, for the next reader of the same bytes: to read one takes longer than to use it."""

    def __init__(self) -> None:
        self._pages: dict[int, tuple[bytes, Page]] = {}

    def put(self, body: bytes, page: Page) -> None:
        """Remember a page, and forget the oldest one. Each step is one that no other thread comes between."""
        self._pages[id(body)] = body, page  # while it is remembered, no other bytes have its number
        if len(self._pages) > _REMEMBERED:
            self._pages.pop(next(iter(list(self._pages))), None)

    def take(self, body: bytes) -> Page | None:
        """The page of the very same bytes, once."""
        known, page = self._pages.pop(id(body), (None, None))
        return page if known is body else None


_READ: Final = _ReadPages()


def parse_page(body: bytes, *, place: str, is_read_again: bool = False) -> Page:
    """Read an answer of the query endpoint.

    Args:
        body: The bytes as received.
        place: Which answer this is, for messages.
        is_read_again: Whether somebody else will read the very same bytes soon: they are parsed once.

    Raises:
        PayloadUnreadableError: It is not the one JSON document that the provider documents.
        AnswerTooLargeError: Its token is longer than any that is sent.
    """
    page = _READ.take(body) or _page(read_json(body, place=place, fix=_FIX, max_depth=_MAX_LEVELS), place)
    if is_read_again:
        _READ.put(body, page)
    return page


def parse_products(body: bytes, *, place: str) -> tuple[str, ...]:
    """Read an answer of the products endpoint: the names, in order, each once.

    Raises:
        PayloadUnreadableError: It is not a JSON list of names.
    """
    names = read_json(body, place=place, fix=_FIX, max_depth=_MAX_LEVELS)
    if not isinstance(names, list):
        raise unreadable(f"the list of products is a JSON {kind_of(names)}", place)
    for name in names:
        if not isinstance(name, str) or not name.strip() or "/" in name or not name.isprintable():
            raise unreadable(f"the list of products holds {clipped(name)}, which is no product name", place)
    return tuple(sorted(set(names)))


def unreadable(culprit: str, place: str) -> PayloadUnreadableError:
    """The error for an answer outside the vocabulary."""
    return PayloadUnreadableError(culprit, place=place, fix=_FIX)


def _page(document: object, place: str) -> Page:
    if not isinstance(document, dict):
        raise unreadable(f"the answer is a JSON {kind_of(document)}, not an object", place)
    rows = document.get("result")
    if not isinstance(rows, list):
        raise unreadable(_no_result(document), place)
    count = document.get("numResults")
    if not isinstance(count, int) or isinstance(count, bool):
        raise unreadable("the answer does not say how many documents it holds (numResults)", place)
    if count != len(rows):
        raise unreadable(f"the answer says numResults {count} and holds {len(rows)} documents", place)
    return Page(_token(document.get("continueToken"), place), rows)


def _token(value: object, place: str) -> str:
    """The token that continues the listing; empty where the answer marks its end in any of the known ways."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise unreadable(f"continueToken is a JSON {kind_of(value)}, not a text", place)
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise unreadable("continueToken holds a lone surrogate", place) from None
    if size > MAX_TOKEN_BYTES:
        raise AnswerTooLargeError(
            f"continueToken has {size:,} bytes, and {MAX_TOKEN_BYTES:,} are allowed",
            place=place,
            fix="ask the provider; if such tokens are right, raise MAX_TOKEN_BYTES in providers/export_service/spec.py",
        )
    if "\0" in value:
        raise unreadable("continueToken holds a NUL character", place)
    return "" if value in END_TOKENS else value


def _no_result(document: Row) -> str:
    """What an object without a list of documents is, in a clause; of its texts nothing is repeated."""
    code = document.get("errorCode", document.get("status"))
    if isinstance(code, int) and "result" not in document:
        return f"the answer is an error message with status 200 (code {code})"
    if "error" in document:
        return "the answer is an error message with status 200"
    if "result" in document:
        return f"result is a JSON {kind_of(document['result'])}, not a list"
    return "the answer has no result"
