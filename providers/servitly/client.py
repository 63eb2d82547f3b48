"""Talks to Servitly: exports, one after the other, as the archives that they become."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from domain.contract import ProviderClient
from domain.errors import (
    AnswerTooLargeError,
    ExportPendingError,
    IncompleteAnswerError,
    NotYetPublishedError,
    PayloadUnreadableError,
    ProviderError,
    RequestRejectedError,
)
from domain.export_jobs import ExportJobs, Order
from domain.instants import milliseconds, now
from domain.records import Payload, Progress, Series
from domain.window import Window
from providers._http import ApiClient
from providers.servitly.account import AccountConfig
from providers.servitly.exports import Exports
from providers.servitly.files import Fetched, Files
from providers.servitly.normalize import normalize
from providers.servitly.spec import EXPORTS_PATH, IN_MEMORY_BYTES, SPEC

_log: Final = logging.getLogger(__name__)

_SAMPLE: Final = timedelta(days=1)
_ALL_THINGS: Final = "things"
_ONE_THING: Final = "thing/"
_SAMPLED: Final = "sample of "


class Servitly(ProviderClient):
    """One account at Servitly (`domain.contract.ProviderClient`).

    A part is all things in one export, or one thing; a page is one job.

    Args:
        http: Asks the API.
        exports: Orders jobs, and waits for them.
        files: Fetches archives.
        jobs: The ledger of jobs.
        account: What to ask for, and what its metrics mean.
        slice_of: The widest span of one job.
        in_memory_bytes: An archive that is larger stays in its file.
        now: The time it is.
    """

    def __init__(
        self,
        http: ApiClient,
        exports: Exports,
        files: Files,
        jobs: ExportJobs,
        account: AccountConfig,
        *,
        slice_of: timedelta = SPEC.max_window,
        in_memory_bytes: int = IN_MEMORY_BYTES,
        now: Callable[[], datetime] = now,
    ) -> None:
        """Ask for nothing yet."""
        self._http = http
        self._exports = exports
        self._files = files
        self._jobs = jobs
        self._account = account
        self._slice = slice_of
        self._in_memory = in_memory_bytes
        self._now = now

    @property
    def fingerprint(self) -> str:
        """The digest of all that decides what an archive holds and which part it belongs to."""
        account = asdict(replace(self._account, fields={}, site="", file_hosts=(), decimal=None))
        return self._http.fingerprint(account)

    def discover(self) -> Iterable[Series]:
        """The series that an export of the last 24 hours shows; a thing that was silent all day is not among them.

        Raises:
            ProviderError: It cannot be had.
        """
        self._new_step()
        # Whole seconds: bounds are sent in milliseconds, and a row at the first of them would lie before the window.
        end = self._now().replace(microsecond=0)
        window = Window(end - _SAMPLE, end)
        found: dict[str, Series] = {}
        for part, thing in self._parts():
            for payload in self._archive(self._order(f"{_SAMPLED}{part}", thing, window), page=1, cursor=None):
                for batch in normalize([payload], window, self._account):
                    found |= {series.key: series for series in batch.series}
        return tuple(found.values())

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """Ask for everything inside `window`; see `domain.contract.Provider.fetch`.

        Raises:
            NotYetPublishedError: The window lies in the future.
            ProviderError: and nothing else.
        """
        self._new_step()
        if window.start >= self._now():
            raise NotYetPublishedError(
                "the window lies in the future", place=f"{self._http.source}, {window}", fix="ask again once it is over"
            )
        for part, thing in self._parts():
            yield from self._fetch_part(part, thing, window, progress.get(part))

    def _new_step(self) -> None:
        self._http.new_step()
        self._files.new_step()

    def _parts(self) -> Iterator[tuple[str, str | None]]:
        """Every part, and the thing that it is of."""
        if self._account.things is None:
            yield _ALL_THINGS, None
        for thing in self._account.things or ():
            yield f"{_ONE_THING}{thing}", thing

    def _fetch_part(self, part: str, thing: str | None, window: Window, so_far: Progress | None) -> Iterator[Payload]:
        """The jobs of a part, one page each; the cursor is the start of the next one in milliseconds."""
        slices = list(window.slices(self._slice))
        starts = [str(milliseconds(one.start)) for one in slices]
        first = len(slices) if so_far is not None and so_far.cursor is None else 0
        if so_far is not None and so_far.cursor in starts:
            first = starts.index(so_far.cursor)
        for asked in slices[:first]:
            # Whoever was killed between keeping an archive and writing that down left its job unused in the ledger.
            self._jobs.landed(self._order(part, thing, asked).sha256)
        for page, asked in enumerate(slices[first:], start=first + 1):
            order = self._order(part, thing, asked)
            yield from self._archive(order, page=page, cursor=starts[page] if page < len(slices) else None)

    def _archive(self, order: Order, *, page: int, cursor: str | None) -> Iterator[Payload]:
        """The archive that answers an order, ordered once more if it is of no use.

        Its job has served once the payload was taken.
        """
        for is_last in (False, True):
            job = self._exports.completed(order)
            place = f"{self._http.source}, archive of export {job.provider_job}"
            try:
                with self._files.fetched(partial(self._exports.address, job, order), place) as fetched:
                    self._jobs.fetched(job.number, fetched.body.sha256, fetched.body.n_bytes)
                    yield self._payload(order, fetched, page, cursor)
                    self._jobs.landed(order.sha256)
            except ExportPendingError as error:
                self._exports.not_fetched(job, error.culprit)
                raise
            except AnswerTooLargeError as error:
                self._exports.forget(job, error.culprit)
                raise
            except (RequestRejectedError, PayloadUnreadableError) as error:
                if isinstance(error, PayloadUnreadableError) and error.is_meant:
                    raise  # the job stays as it is in the ledger: another one would become the same archive
                self._exports.forget(job, error.culprit)
                if is_last:
                    raise _of_no_use(error) from None
                _log.warning("%s: %s; it is ordered once more", place, error.culprit)
            else:
                return

    def _payload(self, order: Order, fetched: Fetched, page: int, cursor: str | None) -> Payload:
        body = fetched.body
        is_small = body.n_bytes <= self._in_memory
        params = {
            name: _as_parameter(value) for name, value in order.request.items() if name not in ("name", "dateTime")
        }
        return Payload(
            endpoint=EXPORTS_PATH,
            params=params,
            window=order.window,
            part=order.part,
            page=page,
            received_at=fetched.received_at,
            media_type="application/zip",
            body=body.path.read_bytes() if is_small else b"",
            proof=fetched.proof,
            cursor=cursor,
            file=None if is_small else body,
        )

    def _order(self, part: str, thing: str | None, asked: Window) -> Order:
        """What is sent, and the digest of what decides the answer: not the name, and not the time of ordering."""
        account = self._account
        wanted: dict[str, object] = {
            "thingFileName": account.thing_file_name,
            "hashThingFileName": account.are_names_hashed,
            "startTimestamp": milliseconds(asked.start),
            "endTimestamp": milliseconds(asked.end),
            "includeUnit": account.are_units_included,
            "timestampFormat": account.timestamp_format,
        }
        optional = {
            "customerId": account.customer_id,
            "locationId": account.location_id,
            "thingId": thing,
            "qualifiedMetricIds": [metric.wire() for metric in account.metrics] or None,
        }
        wanted |= {name: value for name, value in optional.items() if value is not None}
        digest = hashlib.sha256(json.dumps([part, wanted], sort_keys=True).encode()).hexdigest()
        name = f"{account.export_name} {asked} {digest[:8]}"
        return Order(part, asked, {"name": name, "dateTime": milliseconds(self._now()), **wanted}, digest)


def _of_no_use(error: ProviderError) -> ProviderError:
    """The last word on an export that was ordered twice: a narrower one would be no better."""
    kind = IncompleteAnswerError if isinstance(error, PayloadUnreadableError) else RequestRejectedError
    return kind(
        f"the export was ordered twice and its archive is of no use: {error.culprit}",
        place=error.place,
        fix="export the same by hand in its portal and see; tell the provider",
    )


def _as_parameter(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
