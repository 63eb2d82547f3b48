"""Talks to the Smart House: archives of uploads as received, asked for in days that it can bear."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from domain.contract import ProviderClient
from domain.errors import (
    AnswerTooLargeError,
    IncompleteAnswerError,
    NotYetPublishedError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    ProxyUnavailableError,
    RateLimitedError,
)
from domain.instants import now
from domain.records import Payload, Progress, Series
from domain.window import Window
from providers._http import ApiClient, Response
from providers.smart_house import archive
from providers.smart_house.account import AccountConfig
from providers.smart_house.normalize import NOTHING_LEFT, normalize
from providers.smart_house.refusals import is_too_wide, refusal_of
from providers.smart_house.spec import LATE_DAYS, SPEC, TYPES

_log: Final = logging.getLogger(__name__)

PART: Final = "uploads"
"""All requests of one window are pages of one part: the next ones follow from how the last one went."""

_ARCHIVES: Final = ("application/zip", "application/x-zip-compressed", "application/octet-stream")
_NO_CONTENT: Final = 204
_REFUSED: Final = 400
_BROKEN: Final = 500
_DAY: Final = timedelta(days=1)
_TYPE: Final = re.compile(r"[a-z][a-z0-9]{0,31}(?![a-z0-9])")
_MOST_TYPES: Final = 500


@dataclass(frozen=True, slots=True)
class Request:
    """Uploads of the days `first` to `last`, both included, of some types of entities; of all if none is named."""

    first: date
    last: date
    types: tuple[str, ...] = ()

    @property
    def window(self) -> Window:
        """What the changes in the answer may be of."""
        return Window.of_days(self.first - LATE_DAYS * _DAY, self.last)

    def halves(self, known: Sequence[str]) -> tuple["Request", ...]:
        """The same by fewer days; if it is one day, by fewer types; nothing if it is one type of one day.

        Args:
            known: The types that a request for all of them is divided into.
        """
        n_days = (self.last - self.first).days + 1
        if n_days > 1:
            middle = self.first + n_days // 2 * _DAY
            return Request(self.first, middle - _DAY, self.types), Request(middle, self.last, self.types)
        types = self.types or tuple(known)
        half = len(types) // 2
        return tuple(Request(self.first, self.last, part) for part in (types[:half], types[half:])) if half else ()


class SmartHouse(ProviderClient):
    """The homes at the Smart House (`domain.contract.ProviderClient`).

    Args:
        http: Speaks to `…/api/export`.
        account: What to ask for, and how to read it.
        slice_of: The widest span of one request.
        now: The time it is.
    """

    def __init__(
        self,
        http: ApiClient,
        account: AccountConfig,
        *,
        slice_of: timedelta = SPEC.max_window,
        now: Callable[[], datetime] = now,
    ) -> None:
        """Ask for nothing yet."""
        self._http = http
        self._account = account
        self._n_days = max(1, slice_of // _DAY)
        self._now = now
        self._seen: set[str] = set()

    @property
    def fingerprint(self) -> str:
        """The digest of all that decides what an answer holds."""
        return self._http.fingerprint(self._account.format, sorted(self._account.types), sorted(self._account.units))

    def discover(self) -> Iterable[Series]:
        """The series of the newest days that can be had.

        Raises:
            ProviderError: They cannot be had, or not be read.
        """
        self._http.new_step()
        newest = self._newest()
        request = Request(newest - (self._n_days - 1) * _DAY, newest, self._account.types)
        payloads = [payload for _, payload in self._answers([request], 1)]
        found: dict[str, Series] = {}
        for batch in normalize(payloads, request.window, self._account):
            found |= {series.key: series for series in batch.series}
        return tuple(found.values())

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """Ask for all uploads that may hold changes of `window`; see `domain.contract.Provider.fetch`.

        The answers are pages of one part, and the cursor is what is left to ask: a request that was too wide is
        divided where it stands, and whoever goes on later does not find that out again.

        Raises:
            NotYetPublishedError: No upload of its first day can be had yet.
            ProviderError: and nothing else.
        """
        self._http.new_step()
        so_far = progress.get(PART)
        requests, page = self._requests(window), 1
        if so_far is not None:
            if so_far.cursor is None:
                return
            left = _requests_of(so_far.cursor)
            if left:
                requests, page = left, so_far.page + 1
        for _, payload in self._answers(requests, page):
            yield payload

    def _newest(self) -> date:
        """Yesterday: the provider gives nothing newer, and says nothing about it."""
        return self._now().astimezone(UTC).date() - _DAY

    def _requests(self, window: Window) -> list[Request]:
        days = list(window.days())
        newest = self._newest()
        if days[0] > newest:
            raise NotYetPublishedError(
                f"uploads can be had until {newest} only",
                place=f"{self._http.source}, {window}",
                fix="ask again once the day is over",
            )
        last = min(days[-1] + LATE_DAYS * _DAY, newest)
        found, first = [], days[0]
        while first <= last:
            end = min(first + (self._n_days - 1) * _DAY, last)
            found.append(Request(first, end, self._account.types))
            first = end + _DAY
        return found

    def _answers(self, requests: list[Request], page: int) -> Iterator[tuple[Request, Payload]]:
        """Each answer, and the request that it is to; a request that is too wide is sent in halves."""
        left = list(requests)
        while left:
            request = left.pop(0)
            try:
                response = self._ask(request)
            except ProviderError as error:
                halves = request.halves(self._known_types()) if _may_be_width(error) else ()
                if not halves:
                    raise
                _log.warning("Asked again for less, after this: %s", error)
                if halves[0].types and not request.types:
                    self._warn_of(request)
                left[:0] = halves
                continue
            yield request, self._payload(request, response, page, left)
            page += 1

    def _known_types(self) -> list[str]:
        """First words of entities: those that anybody knows of, and those of every answer so far."""
        return sorted({*TYPES, *self._seen})

    def _warn_of(self, request: Request) -> None:
        # The provider has no list of its types, and no answer to a part says that there is none beside the parts.
        _log.warning(
            "The uploads of %s are too many for one answer, and are asked for by the %d types of entities that are "
            "known: one of any other type would be missing, and nothing would say so. Name the types in defs.yaml.",
            request.first,
            len(self._known_types()),
        )

    def _ask(self, request: Request) -> Response:
        """One answer, whole.

        Raises:
            RequestRejectedError: The provider does not take the date, the format, or something else (400).
            AnswerTooLargeError: The provider says that it would have too many columns, or it unpacks to too much, or
                its file would take too much memory.
            IncompleteAnswerError: The archive is not whole.
            ProviderError: There is none, for another reason.
        """
        path, params = self._account.format, self._params(request)
        place = f"{self._http.source}, uploads {request.first} to {request.last}"
        response = self._http.get(
            path, params, accept=_ARCHIVES, allow_empty=True, handled_statuses=(_REFUSED, _BROKEN)
        )
        if response.status == _BROKEN:
            if is_too_wide(response):
                raise AnswerTooLargeError(
                    "the provider says that the answer would have too many columns",
                    place=place,
                    fix="name fewer types in defs.yaml",
                )
            response = self._http.get(path, params, accept=_ARCHIVES, allow_empty=True, handled_statuses=(_REFUSED,))
        if response.status == _REFUSED:
            raise refusal_of(response, place=place)
        if response.status == _NO_CONTENT:
            return response
        try:
            columns = archive.check(response.body, self._account.format, place=place)
        except PayloadUnreadableError as error:
            raise IncompleteAnswerError(
                error.culprit, place=place, fix="wait for the next try; compare with providers/smart_house if it stays"
            ) from None
        if len(self._seen) < _MOST_TYPES:
            self._seen |= {found[0] for name in columns if (found := _TYPE.match(name))}
        return response

    def _params(self, request: Request) -> dict[str, tuple[str, ...]]:
        # Strictly yyyy-mm-dd: what else a date could be, the provider guesses at, and is silently wrong.
        params = {
            "date_from": (request.first.isoformat(),),
            "date_to": (request.last.isoformat(),),
            "types": request.types,
            "units": self._account.units,
        }
        return {name: values for name, values in params.items() if values}

    def _payload(self, request: Request, response: Response, page: int, left: list[Request]) -> Payload:
        is_nothing = response.status == _NO_CONTENT
        proof = f"{NOTHING_LEFT}, status 204" if is_nothing else f"{response.proof}, zip crc"
        if request.types and not self._account.types:
            proof += f", divided by types: only {len(self._known_types())} known words"
        return Payload(
            endpoint=self._account.format,
            params={name: ",".join(values) for name, values in self._params(request).items()},
            window=request.window,
            part=PART,
            page=page,
            received_at=response.received_at,
            media_type=response.media_type,
            body=b"" if is_nothing else response.body,
            proof=proof,
            cursor=_cursor_of(left) if left else None,
        )


def _may_be_width(error: ProviderError) -> bool:
    """Whether fewer days or columns may help: wide answers are refused by name, by 5xx, or by silence."""
    if isinstance(error, RateLimitedError | NotYetPublishedError | IncompleteAnswerError | ProxyUnavailableError):
        return False
    return isinstance(error, ProviderUnavailableError | AnswerTooLargeError)


def _cursor_of(requests: list[Request]) -> str:
    remaining = [[one.first.isoformat(), one.last.isoformat(), *one.types] for one in requests]
    return json.dumps(remaining, separators=(",", ":"))


def _requests_of(cursor: str) -> list[Request]:
    """The requests that a cursor left; none if it is not one of ours."""
    try:
        return [
            Request(date.fromisoformat(first), date.fromisoformat(last), tuple(types))
            for first, last, *types in json.loads(cursor)
        ]
    except (ValueError, TypeError):
        return []
