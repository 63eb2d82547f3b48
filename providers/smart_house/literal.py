"""Python's text of lists, dictionaries and `Row(…)` objects, read as data and never evaluated.

The grammar is closed: texts, numbers, None, True, False, lists, tuples, dictionaries with texts as keys, and `Row` with
named fields, which becomes a dictionary. Time and memory grow with the text's length, the depth is bounded.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from providers._as_sent import SentFloat
from providers.smart_house.spec import MAX_CELL, MAX_DEPTH

_TOKEN: Final = re.compile(
    r"""\s*+(?:
        (?P<text>'[^'\\]*+(?:\\.[^'\\]*+)*+'|"[^"\\]*+(?:\\.[^"\\]*+)*+")
      | (?P<number>-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?(?![0-9.\w]))
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark>[\[\](){},:=])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_WORDS: Final = {"None": None, "nan": None, "True": True, "False": False}  # not-a-number is null, as in JSON
_ROW: Final = "Row"


class LiteralError(ValueError):
    """A text is none of what this module reads."""


def parse_literal(text: str) -> object:
    """The value that Python had written as `text`.

    Raises:
        LiteralError: It is longer than 16 Mi characters, nested deeper than 16, or outside of the grammar.
    """
    if len(text) > MAX_CELL:
        raise LiteralError("too long")
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._kind = ""
        self._token = ""
        self._next()

    def whole(self) -> object:
        value = self._value(1)
        if self._kind != "end":
            raise LiteralError("something follows")
        return value

    def _next(self) -> None:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            if self._text[self._at :].strip():
                raise LiteralError("no token")
            self._kind, self._token = "end", ""
            return
        self._at = found.end()
        self._kind = found.lastgroup or ""
        self._token = found[self._kind]

    def _take(self, mark: str) -> None:
        if self._kind != "mark" or self._token != mark:
            raise LiteralError(f"no {mark}")
        self._next()

    def _value(self, depth: int) -> Any:  # noqa: ANN401  # a literal is anything
        if depth > MAX_DEPTH:
            raise LiteralError("too deep")
        kind, text = self._kind, self._token
        self._next()
        if kind == "text":
            return _unquoted(text)
        if kind == "number":
            return SentFloat(text) if set(text) & set(".eE") else int(text)
        if kind == "word" and text == _ROW:
            self._take("(")
            return self._pairs(")", "=", self._field, depth)
        if kind == "word" and text in _WORDS:
            return _WORDS[text]
        if kind == "mark" and text == "{":
            return self._pairs("}", ":", self._key, depth)
        if kind == "mark" and text in "[(":
            return self._items("]" if text == "[" else ")", depth)
        raise LiteralError("no value")

    def _items(self, end: str, depth: int) -> list[Any]:
        """What stands until `end`; a tuple is a list here, as it is in JSON."""
        found: list[Any] = []
        while not self._is(end):
            found.append(self._value(depth + 1))
            if not self._is(end):
                self._take(",")
        self._next()
        return found

    def _pairs(self, end: str, between: str, name: Callable[[], str], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._is(end):
            key = name()
            if key in found:
                raise LiteralError("a key twice")
            self._take(between)
            found[key] = self._value(depth + 1)
            if not self._is(end):
                self._take(",")
        self._next()
        return found

    def _key(self) -> str:
        if self._kind != "text":
            raise LiteralError("no key")
        key = _unquoted(self._token)
        self._next()
        return key

    def _field(self) -> str:
        if self._kind != "word":
            raise LiteralError("no field")
        field = self._token
        self._next()
        return field

    def _is(self, mark: str) -> bool:
        return self._kind == "mark" and self._token == mark


def _unquoted(token: str) -> str:
    inner = token[1:-1]
    return _ESCAPE.sub(_plain, inner) if "\\" in inner else inner


def _plain(found: re.Match[str]) -> str:
    text = found[1]
    if text[0] in "xuU" and len(text) > 1:
        try:
            return chr(int(text[1:], 16))
        except (ValueError, OverflowError):
            raise LiteralError("no character") from None
    if text not in _ESCAPED:
        raise LiteralError("no escape")
    return _ESCAPED[text]
