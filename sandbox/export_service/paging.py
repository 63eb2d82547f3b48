"""The three things a continueToken can mean. Which one the real service means is not documented."""

import base64
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from sandbox.export_service.settings import Settings
from sandbox.export_service.store import View

_MAX_TOKENS: Final = 100_000


class PageError(Exception):
    """The page cannot be given.

    Attributes:
        status: The HTTP status that says so.
        code: The platform's error code.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(slots=True)
class Listing:
    """One walk through one window of one product.

    Attributes:
        product: What is listed.
        start: From this epoch millisecond on …
        end: … to before this one.
        semantics: What its tokens mean.
        snapshot: The rows as they stood at the first page; only `scroll` uses it.
        used_at: Monotonic seconds of the last page.
        tokens: Page → the first token that was given for it.
    """

    product: str
    start: int
    end: int
    semantics: str
    snapshot: View
    used_at: float
    tokens: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins.

    Attributes:
        listing: The walk it belongs to.
        page: The number of that page, from 1.
        position: Rows before it; `scroll` and `offset`.
        after: The time of the last row before it; `search_after`.
    """

    listing: Listing
    page: int = 1
    position: int = 0
    after: int | None = None

    def stay(self) -> "Cursor":
        """The same rows once more, as a further page."""
        return replace(self, page=self.page + 1)

    def leap(self) -> "Cursor":
        """Beyond the last row."""
        return replace(self, page=self.page + 1, position=2**62, after=self.listing.end)


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one page.

    Attributes:
        view: The rows they are cut from.
        first: Position of the first one.
        stop: Position after the last one.
        following: Where the next page begins; None if this is the last.
    """

    view: View
    first: int
    stop: int
    following: Cursor | None


def cut_page(cursor: Cursor, n_rows: int, settings: Settings, live: Callable[[], View]) -> Slice:
    """The page at `cursor`.

    Args:
        cursor: Where it begins.
        n_rows: How many rows it has at most.
        settings: The twin's.
        live: The rows of the window as they stand now.

    Raises:
        PageError: The page would reach beyond the cap of `offset`, and that is an error.
    """
    return _CUTS[cursor.listing.semantics](cursor, n_rows, settings, live)


def _scroll(cursor: Cursor, n_rows: int, settings: Settings, _: Callable[[], View]) -> Slice:
    view = cursor.listing.snapshot
    first = min(cursor.position, len(view))
    stop = min(first + n_rows, len(view))
    is_first = cursor.page == 1 and not settings.is_token_always_sent
    goes_on = len(view) > n_rows if is_first else stop > first
    return Slice(view, first, stop, replace(cursor, page=cursor.page + 1, position=stop) if goes_on else None)


def _search_after(cursor: Cursor, n_rows: int, settings: Settings, live: Callable[[], View]) -> Slice:
    view = live()
    step = 0 if settings.is_tie_repeated else 1
    first = 0 if cursor.after is None else view.first_at_or_after(cursor.after + step)
    stop = min(first + n_rows, len(view))
    if stop == len(view):
        return Slice(view, first, stop, None)
    last = int(view.times(stop - 1, stop)[0])
    return Slice(view, first, stop, replace(cursor, page=cursor.page + 1, after=last))


def _offset(cursor: Cursor, n_rows: int, settings: Settings, live: Callable[[], View]) -> Slice:
    view = live()
    reachable = min(len(view), settings.offset_cap)
    first = min(cursor.position, reachable)
    stop = min(first + n_rows, reachable)
    if settings.is_cap_an_error and first < len(view) and first + n_rows > settings.offset_cap:
        raise PageError(422, 10002, "error sending request against elasticsearch. Result window is too large")
    is_end = stop == reachable and not (settings.is_cap_an_error and stop < len(view))
    return Slice(view, first, stop, None if is_end else replace(cursor, page=cursor.page + 1, position=stop))


_CUTS: Final = {"scroll": _scroll, "search_after": _search_after, "offset": _offset}


class Tokens:
    """Every continueToken that was given, and where it leads."""

    def __init__(self) -> None:
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()

    def give(self, cursor: Cursor) -> str:
        """A fresh token that leads to `cursor`. Base64 with `+`, `/` and `=`, which a query must encode."""
        token = base64.b64encode(secrets.token_bytes(49)).decode()
        self._cursors[token] = cursor
        cursor.listing.tokens.setdefault(cursor.page, token)
        while len(self._cursors) > _MAX_TOKENS:
            self._cursors.popitem(last=False)
        return token

    def page_behind(self, token: str) -> int:
        """Which page a token asks for; 1 if nobody gave it."""
        cursor = self._cursors.get(token)
        return cursor.page if cursor else 1

    def find(self, token: str, settings: Settings) -> Cursor:
        """Where `token` leads; its listing lives on.

        Raises:
            PageError: Nobody gave it, or its scroll has expired.
        """
        cursor, now = self._cursors.get(token), time.monotonic()
        if cursor is None:
            raise PageError(settings.dead_token_status, 10002, "No search context found for the given continueToken")
        if cursor.listing.semantics == "scroll":
            if now - cursor.listing.used_at > settings.scroll_seconds:
                raise PageError(settings.dead_token_status, 10002, "No search context found: it has expired")
            cursor.listing.used_at = now
        return cursor

    def clear(self) -> None:
        """Forget them all: every open listing dies."""
        self._cursors.clear()
