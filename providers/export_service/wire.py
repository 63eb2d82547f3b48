"""What the Export Service says: the shape of a page, and the meaning of a unit at the end of a field's name.

JSON is read strictly: UTF-8 only, no key twice, bounded depth. The fast parser (orjson) knows neither NaN nor lone
surrogates and keeps the last of two equal keys, so what it refuses or may hide is read again, exactly, by the slow one.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import orjson

from domain.errors import AnswerTooLargeError, PayloadUnreadableError
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

MAX_DEPTH: Final = 64
"""Nested objects and lists in a document; deeper ones are an attack, not telemetry."""

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


def parse_page(body: bytes, *, place: str) -> Page:
    """Read an answer of the query endpoint.

    Args:
        body: The bytes as received.
        place: Which answer this is, for messages.

    Raises:
        PayloadUnreadableError: It is not the one JSON document that the provider documents.
        AnswerTooLargeError: Its token is longer than any that is sent.
    """
    document = _parse(body, place)
    if not isinstance(document, dict):
        raise unreadable(f"the answer is a JSON {_kind(document)}, not an object", place)
    rows = document.get("result")
    if not isinstance(rows, list):
        raise unreadable(_no_result(document), place)
    count = document.get("numResults")
    if not isinstance(count, int) or isinstance(count, bool):
        raise unreadable("the answer does not say how many documents it holds (numResults)", place)
    if count != len(rows):
        raise unreadable(f"the answer says numResults {count} and holds {len(rows)} documents", place)
    return Page(_token(document.get("continueToken"), place), rows)


def parse_products(body: bytes, *, place: str) -> tuple[str, ...]:
    """Read an answer of the products endpoint: the names, in order, each once.

    Raises:
        PayloadUnreadableError: It is not a JSON list of names.
    """
    names = _parse(body, place)
    if not isinstance(names, list):
        raise unreadable(f"the list of products is a JSON {_kind(names)}", place)
    for name in names:
        if not isinstance(name, str) or not name.strip() or "/" in name or not name.isprintable():
            raise unreadable(f"the list of products holds {clipped(name)}, which is no product name", place)
    return tuple(sorted(set(names)))


def unreadable(culprit: str, place: str) -> PayloadUnreadableError:
    """The error for an answer outside the vocabulary."""
    return PayloadUnreadableError(
        culprit, place=place, fix="compare the landed answer with providers/export_service/wire.py"
    )


def clipped(value: object, limit: int = 60) -> str:
    """Foreign content for a message: as Python writes it, on one line, and short."""
    text = ascii(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def _parse(body: bytes, place: str) -> Any:  # noqa: ANN401 - JSON is anything
    """The document in `body`, having refused what two parsers could read in two ways."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_exactly(body, place)
    n_keys = _count_flat_keys(document, body)
    if n_keys < 0:
        n_keys = _count_keys(document, place)
    colons = body.count(b":")
    if colons == n_keys:
        return document  # one colon for each key that was kept: no key was lost, and no text holds a colon
    spaced = any(pattern in body for pattern in (b" :", b"\t:", b"\n:", b"\r:"))
    if not spaced and body.count(b'":') == n_keys:
        return document  # the colons left over stand within texts
    return _parse_exactly(body, place)


def _count_flat_keys(document: object, body: bytes) -> int:
    """How many keys a page without nesting has, quickly; -1 if it is no such page."""
    if not isinstance(document, dict):
        return -1
    rows = document.get("result")
    if not isinstance(rows, list) or body.count(b"[") != 1 or body.count(b"{") != 1 + len(rows):
        return -1
    if rows and set(map(type, rows)) != {dict}:
        return -1
    return len(document) + sum(map(len, rows))


def _count_keys(document: object, place: str) -> int:
    """How many keys all objects within `document` have together; refuses what is nested too deep."""
    n_keys = 0
    level: list[object] = [document]
    for _ in range(MAX_DEPTH + 3):  # the page, its list of documents, and a document are not nesting of a document
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                n_keys += len(value)
                below.extend(inner for inner in value.values() if isinstance(inner, (dict, list)))
            elif isinstance(value, list):
                below.extend(inner for inner in value if isinstance(inner, (dict, list)))
        if not below:
            return n_keys
        level = below
    raise unreadable(f"the answer is nested more than {MAX_DEPTH} levels deep", place)


class _TwinKeyError(ValueError):
    """A JSON object has the same key twice."""


def _parse_exactly(body: bytes, place: str) -> Any:  # noqa: ANN401 - JSON is anything
    if not body.strip():
        raise unreadable("the answer is empty", place)
    try:
        document = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_without_twins)
    except _TwinKeyError as error:
        raise unreadable(f"the answer has the key {error} twice in one object", place) from None
    except UnicodeDecodeError as error:
        raise unreadable(f"the answer is not UTF-8 (byte {error.start})", place) from None
    except RecursionError:
        raise unreadable(f"the answer is nested more than {MAX_DEPTH} levels deep", place) from None
    except json.JSONDecodeError as error:
        raise unreadable(f"the answer is no JSON document ({error.msg}, character {error.pos})", place) from None
    except ValueError:
        raise unreadable("the answer holds an integer of thousands of digits", place) from None
    _count_keys(document, place)
    return document


def _without_twins(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _TwinKeyError(clipped(Counter(name for name, _ in pairs).most_common(1)[0][0]))
    return row


def _token(said: object, place: str) -> str:
    """The token that continues the listing; empty where the answer marks its end in any of the known ways."""
    if said is None:
        return ""
    if not isinstance(said, str):
        raise unreadable(f"continueToken is a JSON {_kind(said)}, not a text", place)
    try:
        size = len(said.encode())
    except UnicodeEncodeError:
        raise unreadable("continueToken holds a lone surrogate", place) from None
    if size > MAX_TOKEN_BYTES:
        raise AnswerTooLargeError(
            f"continueToken has {size:,} bytes, and {MAX_TOKEN_BYTES:,} are allowed",
            place=place,
            fix="ask the provider; if such tokens are right, raise MAX_TOKEN_BYTES in providers/export_service/spec.py",
        )
    if "\0" in said:
        raise unreadable("continueToken holds a NUL character", place)
    return "" if said in END_TOKENS else said


def _no_result(document: Row) -> str:
    """What an object without a list of documents is, in a clause; of its texts nothing is repeated."""
    code = document.get("errorCode", document.get("status"))
    if isinstance(code, int) and "result" not in document:
        return f"the answer is an error message with status 200 (code {code})"
    if "error" in document:
        return "the answer is an error message with status 200"
    if "result" in document:
        return f"result is a JSON {_kind(document['result'])}, not a list"
    return "the answer has no result"


def _kind(value: object) -> str:
    names = {dict: "object", list: "list", str: "text", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
