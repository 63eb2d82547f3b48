"""The twin of the Export Service: token endpoint, list of products, query.

What the provider's document says is served as it says it. What it leaves open (what a token means, whether endDate is
inclusive, how errors look) is a setting whose default follows the platform's sibling services, not a fact.
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

from sandbox.answers import Answer, Asked, as_json, sdk_error, spring_error
from sandbox.export_service.control import switches_of
from sandbox.export_service.days import Tally
from sandbox.export_service.faults import ENDPOINTS, FAULTS
from sandbox.export_service.garbling import ROW_FAULTS, garbled_rows, garbled_view, said_count
from sandbox.export_service.keycloak import Keycloak
from sandbox.export_service.paging import Cursor, Listing, PageError, Slice, Tokens, cut_page
from sandbox.export_service.settings import Settings
from sandbox.export_service.store import Document, Store, View, points_of
from sandbox.faults import Facts, Fired
from sandbox.instants import Instant, as_ms, epoch_ms
from sandbox.twin import Point, Query, Switch, Twin

PRODUCTS_PATH: Final = "/charginghubexporter/api/v1/export/products"
QUERY_PATH: Final = "/charginghubexporter/api/v1/export/query"
TOKEN_PATH: Final = "/auth/realms/efs-sdk/protocol/openid-connect/token"  # noqa: S105 - a path

_ENDPOINTS: Final = {PRODUCTS_PATH: "products", QUERY_PATH: "query", TOKEN_PATH: "token"}
_LOCAL_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?")
_OFFSET: Final = re.compile(r"(Z|[+-]\d\d:\d\d)$")
_END_MARKERS: Final = {
    "empty": b'"continueToken":"",',
    "omitted": b"",
    "null": b'"continueToken":null,',
    "base64_null": b'"continueToken":"bnVsbA==",',
}


class _RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


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
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    endpoints: ClassVar = ENDPOINTS

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.store = Store(settings)
        self._keycloak = Keycloak()
        self._tokens = Tokens()

    @property
    def paths(self) -> Sequence[str]:
        """The paths it answers."""
        return tuple(_ENDPOINTS)

    @property
    def own_switches(self) -> Sequence[Switch]:
        """Its documents, and its listings."""
        return switches_of(self.store, self.kill_listings)

    @property
    def is_gzip(self) -> bool:
        """Whether answers are compressed for a client that accepts gzip."""
        return self.settings.is_gzip

    def configure(self, **changes: Any) -> None:  # noqa: ANN401 - settings are of several types
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
        """Take away the documents at `timestamp` that agree with `where`; how many they were."""
        return self.store.remove(product, timestamp, where)

    def add(self, product: str, documents: Iterable[Document]) -> int:
        """Put documents into a product, a new one too; how many they were."""
        return self.store.add(product, documents)

    def products(self) -> list[str]:
        """The names of all products."""
        return self.store.products()

    def documents(self, product: str, start: Instant, end: Instant) -> list[dict[str, Any]]:
        """The documents that the store holds now with `start <= time < end`, in order."""
        return [json.loads(row) for rows in self.store.truth(product, as_ms(start), as_ms(end)) for row in rows]

    def totals(self, start: Instant, end: Instant) -> dict[str, Tally]:
        """Per product, what the documents with `start <= time < end` hold."""
        return self.store.totals(as_ms(start), as_ms(end))

    def revoke_tokens(self) -> None:
        """Make every bearer token given so far invalid."""
        self._keycloak.revoke_all()

    def kill_listings(self) -> None:
        """Make every continueToken given so far dead."""
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
        """Every leaf of every document that is no null, no time and no name of a device."""
        wanted = query.get("product")
        for product in [wanted] if wanted else self.store.products():
            yield from points_of(product, self.store.truth(product, start, end))

    def facts(self, asked: Asked) -> Facts:
        """What the faults look at, whether or not the request is valid."""
        bounds: list[int | None] = []
        for name in ("startDate", "endDate"):
            try:
                bounds.append(epoch_ms(datetime.fromisoformat(asked.query.get(name, ""))))
            except ValueError:
                bounds.append(None)
        page = self._tokens.page_behind(asked.query.get("continueToken", ""))
        return Facts(_ENDPOINTS[asked.path], asked.query.get("product"), bounds[0], bounds[1], page)

    def real(self, asked: Asked, facts: Facts, fired: Fired) -> Answer:
        """The answer, an error included."""
        try:
            return self._real(asked, facts.endpoint, fired)
        except _RefusedError as refused:
            return refused.answer

    def _real(self, asked: Asked, endpoint: str, fired: Fired) -> Answer:
        if endpoint == "token":
            return _with_fields(self._keycloak.give(asked, self.settings), fired)
        refusal = self._keycloak.refusal(asked)
        if refusal:
            answer = spring_error(401, refusal, asked.path)
            return replace(
                answer, headers={"www-authenticate": f'Bearer error="invalid_token", error_description="{refusal}"'}
            )
        if asked.method != "GET":
            return replace(
                spring_error(405, f"Method '{asked.method}' is not supported.", asked.path), headers={"allow": "GET"}
            )
        self._permit(asked)
        if endpoint == "products":
            return as_json(200, self.store.products())
        try:
            return self._query(asked, fired)
        except PageError as error:
            return sdk_error(error.status, error.code, str(error))

    def _permit(self, asked: Asked) -> None:
        organization = _required(asked, "organization")
        space = asked.query.get("space")
        if organization != self.settings.organization or (space and space not in self.settings.spaces):
            raise _RefusedError(_forbidden())

    def _query(self, asked: Asked, fired: Fired) -> Answer:
        query = self._parsed(asked)
        cursor = self._cursor(query, fired)
        if "token_dies" in fired and cursor.page > fired.option("token_dies", "after_page"):
            raise PageError(fired.option("token_dies", "status"), 10002, "No search context found")
        page = cut_page(cursor, query.n_rows, self.settings, lambda: self._live(query, fired))
        rows, count = self._rows(page, cursor, fired)
        body = self._envelope(rows, said_count(count, fired), self._token_of(page, cursor, fired))
        self._stir(query, fired)
        return Answer(200, body, n_documents=count)

    def _parsed(self, asked: Asked) -> _Query:
        product = _required(asked, "product")
        start, end = (self._instant(asked, name) for name in ("startDate", "endDate"))
        limit = self.settings.max_page_rows
        text = asked.query.get("numRows", str(limit))
        if not re.fullmatch(r"[+-]?\d{1,9}", text) or int(text) < 1:
            raise _RefusedError(_mismatch(asked, "numRows", text, "int"))
        if int(text) > limit:
            message = "error sending request against elasticsearch. Result window is too large"
            raise _RefusedError(sdk_error(422, 10002, message))
        if product not in self.store.products():
            status = self.settings.unknown_product_status
            raise _RefusedError(
                _forbidden() if status == HTTPStatus.FORBIDDEN else sdk_error(status, 10032, "no such index")
            )
        if product in self.settings.forbidden_products:
            raise _RefusedError(_forbidden())
        stop = end + (1 if self.settings.is_end_inclusive else 0)
        return _Query(product, start, stop, int(text), asked.query.get("continueToken", ""))

    def _instant(self, asked: Asked, name: str) -> int:
        text = _required(asked, name)
        bare = _OFFSET.sub("", text) if self.settings.is_offset_accepted else text
        try:
            if not _LOCAL_DATE_TIME.fullmatch(bare):
                raise _RefusedError(_mismatch(asked, name, text, "java.time.LocalDateTime"))
            return epoch_ms(datetime.fromisoformat(text))
        except ValueError:
            raise _RefusedError(_mismatch(asked, name, text, "java.time.LocalDateTime")) from None

    def _cursor(self, query: _Query, fired: Fired) -> Cursor:
        if not query.token:
            semantics = self.settings.semantics_of(query.product)
            snapshot = self._live(query, fired) if semantics == "scroll" else View.of(())
            return Cursor(Listing(query.product, query.start, query.end, semantics, snapshot, time.monotonic()))
        cursor = self._tokens.find(query.token, self.settings)
        listing = cursor.listing
        if (listing.product, listing.start, listing.end) != (query.product, query.start, query.end):
            raise PageError(400, 10032, "the continueToken does not belong to this query")
        return cursor

    def _live(self, query: _Query, fired: Fired) -> View:
        return garbled_view(self.store.view(query.product, query.start, query.end), fired)

    def _rows(self, page: Slice, cursor: Cursor, fired: Fired) -> tuple[bytes, int]:
        """The rows as they stand in the list, and how many they are."""
        if "empty_page" in fired:
            return b"", 0
        if ROW_FAULTS.isdisjoint(fired):
            return page.view.joined(page.first, page.stop), page.stop - page.first
        rows = garbled_rows(page.view.documents(page.first, page.stop), cursor.listing, fired)
        return b",".join(rows), len(rows)

    def _token_of(self, page: Slice, cursor: Cursor, fired: Fired) -> str | None:
        """The page's token; None for the end marker."""
        following = page.following
        if "empty_page" in fired or "no_progress" in fired:
            following = cursor.stay()
        if "full_page_without_token" in fired:
            following = None
        if following is None and "token_never_ends" in fired:
            following = cursor.stay() if fired.option("token_never_ends", "rows") == "last" else cursor.leap()
        if following is None:
            return None
        if "token_repeats" in fired:
            cycle = int(fired.option("token_repeats", "cycle"))
            given_before = cursor.listing.tokens.get(2 + (cursor.page - 1) % cycle)
            if given_before:
                return given_before
        return self._tokens.give(following)

    def _envelope(self, rows: bytes, count: int | None, token: str | None) -> bytes:
        said = _END_MARKERS[self.settings.end_marker] if token is None else b'"continueToken":"%s",' % token.encode()
        number = b"" if count is None else b'"numResults":%d,' % count
        return b'{%s%s"result":[%s]}' % (said, number, rows)

    def _stir(self, query: _Query, fired: Fired) -> None:
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


def _forbidden() -> Answer:
    return sdk_error(403, 10019, "you do not have permission for this action!")


def _with_fields(answer: Answer, fired: Fired) -> Answer:
    if "token_fields" not in fired or answer.status != HTTPStatus.OK:
        return answer
    fields = {**orjson.loads(answer.body), **fired.option("token_fields", "set")}
    for name in fired.option("token_fields", "drop"):
        fields.pop(name, None)
    return replace(as_json(200, fields), headers=answer.headers)


def _required(asked: Asked, name: str) -> str:
    value = asked.query.get(name, "")
    if not value:
        message = f"Required request parameter '{name}' for method parameter type String is not present"
        raise _RefusedError(spring_error(400, message, asked.path))
    return value


def _mismatch(asked: Asked, name: str, text: str, wanted: str) -> Answer:
    message = f"Failed to convert value of type 'java.lang.String' to required type '{wanted}' for '{name}': [{text}]"
    return spring_error(400, message, asked.path)
