"""Talks to the Export Service: products, and pages of documents as received."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from domain.contract import ProviderClient
from domain.errors import (
    CredentialsRejectedError,
    ProviderError,
    RequestRejectedError,
)
from domain.instants import EPOCH, MILLISECOND, milliseconds, now
from domain.records import Payload, Progress, Series
from domain.window import Window
from providers._discovery import discovered
from providers._http import ApiClient, Response
from providers._json import closed_by_document
from providers.export_service.account import AccountConfig
from providers.export_service.ahead import Ahead
from providers.export_service.facts import PageFacts, Span
from providers.export_service.meanings import Meanings
from providers.export_service.normalize import normalize
from providers.export_service.paging import Paginator
from providers.export_service.requests import Request
from providers.export_service.spec import (
    DISCOVERY_DAYS,
    DISCOVERY_ROWS,
    LIST_OF_PRODUCTS,
    PAGE_ROWS,
    PRODUCTS,
    QUERY,
    SPEC,
)
from providers.export_service.wire import Page, parse_page, parse_products

_log: Final = logging.getLogger(__name__)

_TOKEN_IS_DEAD: Final = frozenset({400, 404, 410, 422})
"""Statuses with which OpenSearch and the services above it refuse a token that has expired."""


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer to a request for a product, and what it says."""

    params: Mapping[str, str]
    response: Response
    page: Page


class ExportService(ProviderClient):
    """One account at the Export Service (`domain.contract.ProviderClient`).

    Args:
        http: Speaks to `…/api/v1/export/` with the account's credentials.
        account: Whose data, and what its fields mean.
        page_rows: Documents to ask for in one answer.
        reads_ahead: Whether the next page is asked for while the caller keeps the one before. If the caller stops
            early, one answer may have been asked for that nobody gets; it is waited for two seconds at most.
    """

    def __init__(
        self, http: ApiClient, account: AccountConfig, *, page_rows: int = PAGE_ROWS, reads_ahead: bool = True
    ) -> None:
        """Ask for nothing yet."""
        self._http = http
        self._account = account
        self._page_rows = page_rows
        self._reads_ahead = reads_ahead

    @property
    def fingerprint(self) -> str:
        """The digest of all that decides what an answer holds and which part it belongs to."""
        account = self._account
        products = None if account.products is None else sorted(account.products)
        return self._http.fingerprint(account.organization, account.space, products, account.time_field)

    def discover(self) -> Iterable[Series]:
        """The series of the products, as far as a sample of recent documents and the account's fields show them.

        A product that cannot be read is logged by name and left out, unless none can.

        Raises:
            ProviderError: No product can be read.
        """
        self._http.new_step()
        return discovered(self._account.products or self._listed()[0], self._sampled, str)

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """Ask for all documents of every product inside `window`; see `domain.contract.Provider.fetch`.

        A part is a product. Where the account names none, the list of products is a part of its own, asked for anew
        whatever the progress: what it says decides what else is asked for. The end of the window is asked for too,
        since the provider may or may not include it.

        Raises:
            ProviderError: and nothing else; the message names the product.
        """
        self._http.new_step()
        products = self._account.products
        if products is None:
            products, response = self._listed()
            yield self._list_payload(response, window)
        for product in products:
            so_far = progress.get(product)
            if so_far is None or so_far.cursor is not None:
                yield from self._fetch_product(product, window, so_far)

    def _listed(self) -> tuple[tuple[str, ...], Response]:
        """The products that the provider lists, and its answer.

        Raises:
            CredentialsRejectedError: It lists none, which is how it looks when the client has lost its rights.
        """
        response = self._http.get(PRODUCTS, self._who())
        place = f"products of {self._account.organization}"
        products = parse_products(response.body, place=place)
        if not products:
            raise CredentialsRejectedError(
                "the provider lists no product for this client",
                place=place,
                fix="have the client permitted to read the organization's products, and name them in defs.yaml",
            )
        return products, response

    def _list_payload(self, response: Response, window: Window) -> Payload:
        """The list of products, on record as one page."""
        return Payload(
            endpoint=PRODUCTS,
            params=self._who(),
            window=window,
            part=LIST_OF_PRODUCTS,
            page=1,
            received_at=response.received_at,
            media_type=response.media_type,
            body=response.body,
            proof=f"{response.proof}, closed document",
        )

    def _fetch_product(self, product: str, window: Window, so_far: Progress | None) -> Iterator[Payload]:
        pages = self._paginator(product, window, so_far)

        def ask(request: Request) -> _Reply:
            return self._ask(product, request, pages.page_rows)

        with Ahead(ask, is_ahead=self._reads_ahead) as line, _named(product):
            pending: Payload | None = None  # the last page, perhaps: a probe may bring no other
            request = pages.request()
            reply = None if request is None else line.put(request)
            while request is not None and reply is not None:
                payload = self._learn(pages, request, reply, product)
                request = pages.request()
                reply = None if request is None else line.put(request)
                if payload is not None and pending is not None:
                    yield pending
                pending = payload or (pending and replace(pending, cursor=pages.cursor))
                if pending is not None and (request is None or not request.is_probe):
                    yield pending
                    pending = None

    def _paginator(self, product: str, window: Window, so_far: Progress | None) -> Paginator:
        """The paging that an earlier pull had begun, if it can be continued; otherwise a new one."""
        place, whole = f"{product} {window}", list(_spans(window))
        pages = None
        if so_far is not None and so_far.cursor is not None:
            pages = Paginator.resume(so_far.cursor, whole, page=so_far.page, place=place)
        until = milliseconds(now())
        return pages or Paginator.begin(whole, page_rows=self._page_rows, place=place, until=until)

    def _learn(self, pages: Paginator, request: Request, reply: Callable[[], _Reply], product: str) -> Payload | None:
        """Tell the paginator the reply to `request`; the payload to keep, if the reply belongs to the listing."""
        try:
            received = reply()
        except RequestRejectedError as error:
            if not request.token or error.status not in _TOKEN_IS_DEAD or not pages.token_rejected():
                raise
            _log.warning(
                "The listing of %s is asked for anew, because its token was rejected: %s", pages.bounds.place, error
            )
            return None
        facts = PageFacts.of(
            received.page.rows,
            request.span,
            token=received.page.token,
            n_bytes=len(received.response.body),
            time_field=self._account.time_field,
        )
        if not pages.take(facts):
            return None
        return _payload(
            received,
            request,
            product,
            page=pages.page,
            cursor=pages.cursor,
            ending=_ending(facts, pages.page_rows),
        )

    def _ask(self, product: str, request: Request, n_rows: int) -> _Reply:
        """One page.

        Raises:
            IncompleteAnswerError: Neither the transport nor the document shows where it ends.
        """
        start, end = (EPOCH + bound * MILLISECOND for bound in request.span)
        params = {
            **self._who(),
            "product": product,
            "startDate": _naive(start),
            "endDate": _naive(end),
            "numRows": str(n_rows),
        }
        if request.token:
            params["continueToken"] = request.token
        response = self._http.get(QUERY, params)
        place = f"{product} {Window(start, end)}"
        with closed_by_document(response.proof, place=place):
            return _Reply(params, response, parse_page(response.body, place=place, is_read_again=True))

    def _who(self) -> dict[str, str]:
        """The parameters by which the provider checks permissions."""
        space = {} if self._account.space is None else {"space": self._account.space}
        return {"organization": self._account.organization, **space}

    def _sampled(self, product: str) -> Iterator[Series]:
        """The series of one product: those of a page of recent documents, and those the account names for it."""
        meanings = Meanings(self._account)
        if not self._account.identity_of(product):
            for key in self._account.fields:
                named, slash, name = key.rpartition("/")
                if slash and named == product:
                    yield meanings.series(product, (), name)
        end = milliseconds(now())
        with _named(product):
            for days in DISCOVERY_DAYS:
                request = Request((end - days * 86_400_000, end))
                received = self._ask(product, request, DISCOVERY_ROWS)
                sample = _payload(received, request, product, page=1, cursor=None, ending="a sample")
                if received.page.rows:
                    for batch in normalize([sample], sample.window, self._account):
                        yield from batch.series
                    return


def _payload(
    received: _Reply, request: Request, product: str, *, page: int, cursor: str | None, ending: str
) -> Payload:
    start, end = (EPOCH + bound * MILLISECOND for bound in request.span)
    return Payload(
        endpoint=QUERY,
        params=received.params,
        window=Window(start, end),
        part=product,
        page=page,
        received_at=received.response.received_at,
        media_type=received.response.media_type,
        body=received.response.body,
        proof=f"{received.response.proof}, closed document, {ending}",
        cursor=cursor,
    )


def _ending(facts: PageFacts, page_rows: int) -> str:
    """Why nothing is believed to be missing behind a page."""
    if facts.token:
        return "more follows"
    return "short last page" if facts.n_rows < page_rows else "full last page asked again"


def _spans(window: Window) -> Iterator[Span]:
    """Whole milliseconds that cover `window`, in pieces that one listing may ask for."""
    start = milliseconds(window.start)
    end = -((EPOCH - window.end) // MILLISECOND)
    step = SPEC.max_window // MILLISECOND
    for first in range(start, end, step):
        yield first, min(first + step, end)


def _naive(instant: datetime) -> str:
    """An instant as the provider wants it: UTC, and not saying so."""
    naive = instant.replace(tzinfo=None)
    return naive.isoformat(timespec="milliseconds" if naive.microsecond else "seconds")


@contextmanager
def _named(product: str) -> Iterator[None]:
    """Have every error of the provider say which product it is about."""
    try:
        yield
    except ProviderError as error:
        if product not in str(error):
            error.place = f"{error.place}, product {product}"
        raise
