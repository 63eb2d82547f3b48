"""Pages: the three meanings that a continueToken can have, and pages that are wrong on purpose.

Which meaning the real service has is not documented.
"""

import base64
import json
import random
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import orjson

from sandbox.answers import RefusedError, sdk_error
from sandbox.export_service.days import ListedDay
from sandbox.export_service.settings import Settings
from sandbox.export_service.store import View
from sandbox.faults import Fired

TOO_LARGE: Final = "error sending request against elasticsearch. Result window is too large"
_MAX_TOKENS: Final = 100_000


def platform_error(status: int, code: int, message: str) -> RefusedError:
    """A refusal with the platform's error code and message."""
    return RefusedError(sdk_error(status, code, message))


@dataclass(slots=True)
class Listing:
    """All pages of one window of one product.

    Attributes:
        product: The product.
        start: From this epoch millisecond on …
        end: … to before this one.
        semantics: What its tokens mean.
        snapshot: The rows as they stood at the first page; only `scroll` uses it.
        used_at: Monotonic seconds of the last page.
        tokens: Page → the first token that leads to it.
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
        listing: The listing it belongs to.
        page: The number of that page, from 1.
        position: Rows before it; `scroll` and `offset`.
        after: The time of the last row before it; `search_after`.
    """

    listing: Listing
    page: int = 1
    position: int = 0
    after: int | None = None

    def same_rows(self) -> "Cursor":
        """The same rows once more, as a further page."""
        return replace(self, page=self.page + 1)

    def past_the_end(self) -> "Cursor":
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
        RefusedError: The page would reach beyond the cap of `offset`, and that is an error.
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
        raise platform_error(422, 10002, TOO_LARGE)
    is_end = stop == reachable and not (settings.is_cap_an_error and stop < len(view))
    return Slice(view, first, stop, None if is_end else replace(cursor, page=cursor.page + 1, position=stop))


_CUTS: Final = {"scroll": _scroll, "search_after": _search_after, "offset": _offset}


class Tokens:
    """Every continueToken so far, and where it leads."""

    def __init__(self) -> None:
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()

    def issue(self, cursor: Cursor) -> str:
        """A fresh token that leads to `cursor`. Base64 with `+`, `/` and `=`, which a query must encode."""
        token = base64.b64encode(secrets.token_bytes(49)).decode()
        self._cursors[token] = cursor
        cursor.listing.tokens.setdefault(cursor.page, token)
        while len(self._cursors) > _MAX_TOKENS:
            self._cursors.popitem(last=False)
        return token

    def page_behind(self, token: str) -> int:
        """The page that a token leads to; 1 for an unknown token."""
        cursor = self._cursors.get(token)
        return cursor.page if cursor else 1

    def find(self, token: str, settings: Settings) -> Cursor:
        """Where `token` leads; its scroll lives on.

        Raises:
            RefusedError: It is unknown, or its scroll has expired.
        """
        cursor, now = self._cursors.get(token), time.monotonic()
        if cursor is None:
            raise platform_error(
                settings.dead_token_status, 10002, "No search context found for the given continueToken"
            )
        if cursor.listing.semantics == "scroll":
            if now - cursor.listing.used_at > settings.scroll_seconds:
                raise platform_error(settings.dead_token_status, 10002, "No search context found: it has expired")
            cursor.listing.used_at = now
        return cursor

    def clear(self) -> None:
        """Forget them all: every open listing dies."""
        self._cursors.clear()


ROW_FAULTS: Final = frozenset(
    {
        "unordered",
        "outside_rows",
        "duplicates",
        "cell",
        "missing_field",
        "extra_field",
        "duplicate_keys",
        "deep_nesting",
    }
)
"""The faults that need the page's rows one by one."""


def faulty_view(view: View, fired: Fired) -> View:
    """The window's rows with some not there yet, or with equal times."""
    if "late_documents" not in fired and "ties" not in fired:
        return view
    rows = view.documents(0, len(view))
    times = view.times(0, len(view)).copy()
    if "late_documents" in fired:
        every = int(fired.option("late_documents", "every"))
        present = [at for at in range(len(rows)) if (at + 1) % every]
        rows, times = [rows[at] for at in present], times[present]
    if "ties" in fired:
        width = int(fired.option("ties", "width"))
        times = times[np.arange(len(times)) // width * width]
        rows = [_stamped(row, int(time)) for row, time in zip(rows, times, strict=True)]
    documents = tuple(rows)
    return View.of([(ListedDay(times, lambda: documents), 0, len(rows))])


def faulty_rows(rows: list[bytes], listing: Listing, fired: Fired) -> list[bytes]:
    """The rows of a page with every row and cell fault that happens."""
    faulty = list(rows)
    if "unordered" in fired:
        if fired.option("unordered", "order") == "reversed":
            faulty.reverse()
        else:
            random.Random(len(faulty)).shuffle(faulty)
    if "duplicates" in fired:
        faulty[:0] = faulty[: fired.option("duplicates", "rows")]
    if "outside_rows" in fired:
        faulty.extend(_outside(faulty, listing, fired))
    for kind in ("cell", "missing_field", "extra_field", "duplicate_keys"):
        if kind in fired:
            count = min(fired.option(kind, "rows"), len(faulty))
            faulty[:count] = [_with_cell(row, kind, fired) for row in faulty[:count]]
    if "deep_nesting" in fired and faulty:
        depth = int(fired.option("deep_nesting", "depth"))
        faulty[0] = faulty[0][:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"
    return faulty


def reported_count(count: int, fired: Fired) -> int | None:
    """The value of `numResults`; None to leave it out."""
    if "num_results" not in fired:
        return count
    off = fired.option("num_results", "off")
    return None if off is None else count + int(off)


def _outside(rows: list[bytes], listing: Listing, fired: Fired) -> list[bytes]:
    away = int(float(fired.option("outside_rows", "seconds")) * 1000)
    is_before = fired.option("outside_rows", "where") == "before"
    first = listing.start - away if is_before else listing.end + away
    sample = rows[0] if rows else b'{"timestamp":0}'
    return [_stamped(sample, first + number) for number in range(fired.option("outside_rows", "rows"))]


def _stamped(row: bytes, time: int) -> bytes:
    return orjson.dumps({**orjson.loads(row), "timestamp": time})


def _with_cell(row: bytes, kind: str, fired: Fired) -> bytes:
    cells = [(name, json.dumps(value)) for name, value in json.loads(row).items()]
    field = fired.option(kind, "field") or _first_number(json.loads(row))
    if kind == "missing_field":
        cells = [cell for cell in cells if cell[0] != field]
    elif kind == "cell":
        raw = fired.option(kind, "raw")
        cells = [(name, raw if name == field else text) for name, text in cells]
    else:
        cells.append((field, fired.option(kind, "raw")))
    return ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in cells) + "}").encode()


def _first_number(document: dict[str, Any]) -> str:
    numbers = (name for name, value in document.items() if isinstance(value, int | float) and name != "timestamp")
    return next(numbers, "timestamp")
