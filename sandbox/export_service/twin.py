"""The twin of the Export Service: token endpoint, list of products, query.

Everything that the provider's document describes is served accordingly. What it leaves open (the meaning of a token,
whether endDate is inclusive, the form of errors) is a setting whose default follows the platform's sibling services,
not a fact.

| | |
|---|---|
| `POST …/rows` | edits the rows of one product, as below |
| `GET …/documents?product=&start=&end=` | its documents now, one a line; start included, end not |
| `GET …/totals?start=&end=` | per product: documents, points, numbers, texts, nulls |
| `POST …/kill` | every continueToken so far becomes dead |

Edits are `{"product": P, "change": [{"timestamp": T, "where": {…}, "set": {…}}], "remove": [{"timestamp": T, "where":
{…}}], "add": [{…}]}`; `where` tells documents of one millisecond apart and may be left out.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, Final

import orjson

from domain.records import Json
from sandbox.answers import RefusedError, Request, Response, as_json, spring_error
from sandbox.export_service.control import switches_of
from sandbox.export_service.days import Tally
from sandbox.export_service.keycloak import Keycloak
from sandbox.export_service.paging import (
    ROW_FAULTS,
    TOO_LARGE,
    Cursor,
    Listing,
    Slice,
    Tokens,
    cut_page,
    faulty_rows,
    faulty_view,
    platform_error,
    reported_count,
)
from sandbox.export_service.settings import END_MARKERS, ENDPOINTS, FAULTS, Settings
from sandbox.export_service.store import Document, Store, View, points_of
from sandbox.faults import Facts, Fired
from sandbox.instants import Instant, as_ms, epoch_ms
from sandbox.twin import Point, Query, Switch, Twin

PRODUCTS_PATH: Final = "/charginghubexporter/api/v1/export/products"
QUERY_PATH: Final = "/charginghubexporter/api/v1/export/query"
KEYCLOAK_PATH: Final = "/auth/realms/efs-sdk/protocol/openid-connect/token"

_ENDPOINTS: Final = {PRODUCTS_PATH: "products", QUERY_PATH: "query", KEYCLOAK_PATH: "token"}
_LOCAL_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?")
_OFFSET: Final = re.compile(r"(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class _Query:
    product: str
    start: int
    end: int
    n_rows: int
    token: str


class ExportService(Twin[Settings]):
    """One Export Service with its token endpoint, under the paths that it really has. Safe to use from any thread.

    Attributes:
        store: The documents.
    """

    slug: ClassVar = "export_service"
    path: ClassVar = ""
    paths: ClassVar = tuple(_ENDPOINTS)
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    endpoints: ClassVar = ENDPOINTS

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.store = Store(settings)
        self._keycloak = Keycloak()
        self._tokens = Tokens()

    @property
    def own_switches(self) -> Sequence[Switch]:
        """Its documents and its listings."""
        return switches_of(self.store, self.kill_listings)

    def configure(self, **changes: Json) -> None:
        """Change settings while it runs.

        Raises:
            SettingError: A name is unknown, or a value does not fit.
        """
        with self._lock:
            super().configure(**changes)
            self.store.settings = self.settings

    def change(self, product: str, timestamp: int, changes: Document, where: Document | None = None) -> int:
        """Set fields of the documents at `timestamp` that agree with `where`; how many they were."""
        return self.store.change(product, timestamp, changes, where)

    def remove(self, product: str, timestamp: int, where: Document | None = None) -> int:
        """Remove the documents at `timestamp` that agree with `where`; how many they were."""
        return self.store.remove(product, timestamp, where)

    def add(self, product: str, documents: Iterable[Document]) -> int:
        """Add documents to a product, which may be new; how many they were."""
        return self.store.add(product, documents)

    def products(self) -> list[str]:
        """The names of all products."""
        return self.store.products()

    def documents(self, product: str, start: Instant, end: Instant) -> list[dict[str, Any]]:
        """The documents with `start <= time < end` as they stand now, in order."""
        return [json.loads(row) for rows in self.store.truth(product, as_ms(start), as_ms(end)) for row in rows]

    def totals(self, start: Instant, end: Instant) -> dict[str, Tally]:
        """Per product, how many values the documents with `start <= time < end` have."""
        return self.store.totals(as_ms(start), as_ms(end))

    def revoke_tokens(self) -> None:
        """Make every bearer token so far invalid."""
        self._keycloak.revoke_all()

    def kill_listings(self) -> None:
        """Make every continueToken so far dead."""
        with self._lock:
            self._tokens.clear()

    def reset(self) -> None:
        """Settings as started, no faults, no edits, no open listings. Bearer tokens stay valid."""
        with self._lock:
            super().reset()
            self.store.settings = self.settings
            self.store.reset()
            self._tokens.clear()

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every leaf of every document except nulls, times and names of devices."""
        product = query.get("product")
        for name in [product] if product else self.store.products():
            yield from points_of(name, self.store.truth(name, start, end))

    def facts(self, request: Request) -> Facts:
        """What faults look at, whether or not the request is valid."""
        query = request.query
        start, end = (_epoch_ms_or_none(query.get(name, "")) for name in ("startDate", "endDate"))
        page = self._tokens.page_behind(query.get("continueToken", ""))
        return Facts(_ENDPOINTS[request.path], query.get("product"), start, end, page)

    def real(self, request: Request, facts: Facts, fired: Fired) -> Response:
        """The response without the common faults.

        Raises:
            RefusedError: The request is answered with an error.
        """
        if facts.endpoint == "token":
            return _with_fields(self._keycloak.issue(request, self.settings), fired)
        refusal = self._keycloak.refusal(request)
        if refusal:
            reason = f'Bearer error="invalid_token", error_description="{refusal}"'
            raise RefusedError(spring_error(401, refusal, request.path, www_authenticate=reason))
        if request.method != "GET":
            message = f"Method '{request.method}' is not supported."
            raise RefusedError(spring_error(405, message, request.path, allow="GET"))
        self._require_permission(request)
        if facts.endpoint == "products":
            return as_json(200, self.store.products())
        return self._query(request, fired)

    def _require_permission(self, request: Request) -> None:
        organization = _required(request, "organization")
        space = request.query.get("space")
        if organization != self.settings.organization or (space and space not in self.settings.spaces):
            raise _forbidden()

    def _query(self, request: Request, fired: Fired) -> Response:
        query = self._parsed(request)
        cursor = self._cursor(query, fired)
        if "token_dies" in fired and cursor.page > fired.option("token_dies", "after_page"):
            raise platform_error(fired.option("token_dies", "status"), 10002, "No search context found")
        page = cut_page(cursor, query.n_rows, self.settings, lambda: self._live(query, fired))
        rows, count = self._rows(page, cursor, fired)
        body = self._envelope(rows, reported_count(count, fired), self._token_of(page, cursor, fired))
        self._edit_after_page(query, fired)
        return Response(200, body, n_documents=count)

    def _parsed(self, request: Request) -> _Query:
        product = _required(request, "product")
        start, end = (self._instant(request, name) for name in ("startDate", "endDate"))
        limit = self.settings.max_page_rows
        text = request.query.get("numRows", str(limit))
        if not re.fullmatch(r"[+-]?\d{1,9}", text) or int(text) < 1:
            raise _mismatch(request, "numRows", text, "int")
        if int(text) > limit:
            raise platform_error(422, 10002, TOO_LARGE)
        if product not in self.store.products():
            status = self.settings.unknown_product_status
            raise _forbidden() if status == HTTPStatus.FORBIDDEN else platform_error(status, 10032, "no such index")
        if product in self.settings.forbidden_products:
            raise _forbidden()
        stop = end + (1 if self.settings.is_end_inclusive else 0)
        return _Query(product, start, stop, int(text), request.query.get("continueToken", ""))

    def _instant(self, request: Request, name: str) -> int:
        text = _required(request, name)
        bare = _OFFSET.sub("", text) if self.settings.is_offset_accepted else text
        instant = _epoch_ms_or_none(text) if _LOCAL_DATE_TIME.fullmatch(bare) else None
        if instant is None:
            raise _mismatch(request, name, text, "java.time.LocalDateTime")
        return instant

    def _cursor(self, query: _Query, fired: Fired) -> Cursor:
        if not query.token:
            semantics = self.settings.semantics_of(query.product)
            snapshot = self._live(query, fired) if semantics == "scroll" else View.of(())
            return Cursor(Listing(query.product, query.start, query.end, semantics, snapshot, time.monotonic()))
        cursor = self._tokens.find(query.token, self.settings)
        listing = cursor.listing
        if (listing.product, listing.start, listing.end) != (query.product, query.start, query.end):
            raise platform_error(400, 10032, "the continueToken does not belong to this query")
        return cursor

    def _live(self, query: _Query, fired: Fired) -> View:
        return faulty_view(self.store.view(query.product, query.start, query.end), fired)

    def _rows(self, page: Slice, cursor: Cursor, fired: Fired) -> tuple[bytes, int]:
        """The rows as they stand in the list, and how many they are."""
        if "empty_page" in fired:
            return b"", 0
        if ROW_FAULTS.isdisjoint(fired):
            return page.view.joined(page.first, page.stop), page.stop - page.first
        rows = faulty_rows(page.view.documents(page.first, page.stop), cursor.listing, fired)
        return b",".join(rows), len(rows)

    def _token_of(self, page: Slice, cursor: Cursor, fired: Fired) -> str | None:
        """The page's token; None for the end marker."""
        following = page.following
        if "empty_page" in fired or "no_progress" in fired:
            following = cursor.same_rows()
        if "full_page_without_token" in fired:
            following = None
        if following is None and "token_never_ends" in fired:
            following = (
                cursor.same_rows() if fired.option("token_never_ends", "rows") == "last" else cursor.past_the_end()
            )
        if following is None:
            return None
        if "token_repeats" in fired:
            cycle = int(fired.option("token_repeats", "cycle"))
            earlier = cursor.listing.tokens.get(2 + (cursor.page - 1) % cycle)
            if earlier:
                return earlier
        return self._tokens.issue(following)

    def _envelope(self, rows: bytes, count: int | None, token: str | None) -> bytes:
        marker = END_MARKERS[self.settings.end_marker] if token is None else b'"continueToken":"%s",' % token.encode()
        number = b"" if count is None else b'"numResults":%d,' % count
        return b'{%s%s"result":[%s]}' % (marker, number, rows)

    def _edit_after_page(self, query: _Query, fired: Fired) -> None:
        """Rows come and go between two pages."""
        if "rows_removed" not in fired and "rows_inserted" not in fired:
            return
        view = self.store.view(query.product, query.start, query.end)
        if "rows_removed" in fired:
            count = min(fired.option("rows_removed", "rows"), len(view))
            for row in view.documents(0, count):
                document = orjson.loads(row)
                self.store.remove(query.product, document["timestamp"], document)
        if "rows_inserted" in fired:
            sample = orjson.loads(view.documents(0, 1)[0]) if len(view) else {}
            stamps = range(query.start + 1, query.start + 1 + fired.option("rows_inserted", "rows"))
            self.store.add(query.product, [{**sample, "timestamp": stamp} for stamp in stamps])


def _epoch_ms_or_none(text: str) -> int | None:
    try:
        return epoch_ms(datetime.fromisoformat(text))
    except ValueError:
        return None


def _forbidden() -> RefusedError:
    return platform_error(403, 10019, "you do not have permission for this action!")


def _with_fields(response: Response, fired: Fired) -> Response:
    if "token_fields" not in fired or response.status != HTTPStatus.OK:
        return response
    added, dropped = fired.options("token_fields", "set", "drop")
    fields = {**orjson.loads(response.body), **added}
    return replace(response, body=json.dumps({name: fields[name] for name in fields if name not in dropped}).encode())


def _required(request: Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        message = f"Required request parameter '{name}' for method parameter type String is not present"
        raise RefusedError(spring_error(400, message, request.path))
    return value


def _mismatch(request: Request, name: str, text: str, required: str) -> RefusedError:
    message = f"Failed to convert value of type 'java.lang.String' to required type '{required}' for '{name}': [{text}]"
    return RefusedError(spring_error(400, message, request.path))
