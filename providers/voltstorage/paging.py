"""The list of an account's products, page by page, and when it is believed to be whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from domain.errors import PagingLoopError, TruncationSuspectedError
from domain.records import Payload
from domain.window import Window
from providers._http import ApiClient, Response
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.spec import MAX_PRODUCT_PAGES
from providers.voltstorage.wire import Product, parse_products

JSON: Final = ("application/json",)

_PART: Final = "/products"  # no device's part begins with a slash


@dataclass(frozen=True, slots=True)
class ProductPage:
    """One page of the list.

    Attributes:
        number: From 1 on.
        response: As received.
        products: Those that no page before it has shown.
        is_last: Whether the list ends with it.
    """

    number: int
    response: Response
    products: Sequence[Product]
    is_last: bool


class ProductList:
    """The products that an account may see.

    Args:
        http: Speaks to `…/rest` with the account's token.
        account: Where the list is, and which products of it are wanted.
        per_page: Products in one page.
    """

    def __init__(self, http: ApiClient, account: AccountConfig, *, per_page: int) -> None:
        self._http = http
        self._account = account
        self._per_page = per_page

    def pages(self) -> Iterator[ProductPage]:
        """Every page until behind a short one there is nothing new.

        A short page may have been cut, and `count` may have a cap that nobody documents: the end is believed where the
        page behind a short one says nothing new, which costs a request.

        Raises:
            PagingLoopError: A page holds nothing but products of earlier ones, or the list does not end.
            TruncationSuspectedError: A page was cut, as a later one shows.
            ProviderError: The list cannot be had.
        """
        seen: set[int] = set()
        sizes: list[int] = []
        for number in range(1, MAX_PRODUCT_PAGES + 1):
            place = f"{self._http.source}, products, page {number}"
            response = self._http.get(self._account.paths.products, self._params(number), accept=JSON)
            page = parse_products(response.body, place=place, zones=self._account.zones)
            fresh = [product for product in page if product.id not in seen]
            was_short = bool(sizes) and sizes[-1] < self._per_page
            if page and not fresh and not was_short:
                raise PagingLoopError(
                    "a page of products holds only products of earlier pages",
                    place=place,
                    fix="ask the provider whether `page` is still obeyed, or name the products in defs.yaml",
                )
            if fresh and len(set(sizes)) > 1:
                raise TruncationSuspectedError(
                    f"the pages of products before this one hold {', '.join(map(str, sizes))}: one of them was cut",
                    place=place,
                    fix="wait for the next try; if it stays, name the products in defs.yaml",
                )
            seen |= {product.id for product in fresh}
            sizes.append(len(page))
            # Longer than asked for: `count` is not obeyed, and this is all.
            is_last = len(page) > self._per_page or (was_short and not fresh)
            yield ProductPage(number, response, fresh, is_last)
            if is_last:
                return
        raise PagingLoopError(
            f"the list of products has more than {MAX_PRODUCT_PAGES:,} pages",
            place=f"{self._http.source}, products",
            fix="name the products in defs.yaml",
        )

    def payload(self, page: ProductPage, window: Window) -> Payload:
        """A page as it is kept with the answers of `window`."""
        return Payload(
            endpoint=self._account.paths.products,
            params=self._params(page.number),
            window=window,
            part=_PART,
            page=page.number,
            received_at=page.response.received_at,
            media_type=page.response.media_type,
            body=page.response.body,
            proof=f"{page.response.proof}, closed document",
            cursor=None if page.is_last else str(page.number),
        )

    def _params(self, number: int) -> dict[str, str]:
        return {**self._account.product_filter.params(), "count": str(self._per_page), "page": str(number)}
