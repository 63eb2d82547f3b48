"""A load that begins while its answers still come: each that was kept is read at once, and all are committed together.

Only of a provider whose answers can be read one by one as they come (`ProviderSpec.has_pages`). It is a shortcut and no
more: whatever is wrong with it, it is dropped without a word, and the day is loaded from its kept answers, where what
is wrong has a day and a name. What it commits is what that load would have committed.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Thread
from typing import TYPE_CHECKING, Final

from domain.contract import Closeable, LandedPull, Provider, Pull, Warehouse
from domain.records import LoadReport, Payload
from domain.window import Window

if TYPE_CHECKING:
    from domain.measurement import Normalized

_log: Final = logging.getLogger(__name__)

_MOST_WAITING: Final = 4
"""Answers that were kept and not read yet: a provider that is faster waits for the reader."""

_PATIENCE_SECONDS: Final = 10.0
"""How long it waits: a listing may die of a longer pause."""


_GRACE_SECONDS: Final = 2.0
"""How long one that is dropped is waited for: it ends with the batch in hand. One that commits goes on until it has."""


class LoadAhead(Closeable):
    """The load of the pull that is under way, in a thread of its own.

    Args:
        provider: Whose vocabulary the answers are in.
        warehouse: Where the measurements go.
        source: Whose measurements.
        window: What is asked for and loaded.
        is_correction: Allow any of the stored points to vanish.
        on_batch: Sees each batch on its way; must not change it.
    """

    def __init__(
        self,
        provider: Provider,
        warehouse: Warehouse,
        source: str,
        window: Window,
        *,
        is_correction: bool = False,
        on_batch: "Callable[[Normalized], None] | None" = None,
    ) -> None:
        self._provider = provider
        self._warehouse = warehouse
        self._source = source
        self._window = window
        self._is_correction = is_correction
        self._on_batch = on_batch
        self._thread: Thread | None = None
        self._report: LoadReport | None = None
        self._answers: _Answers | None = None
        self._parts: set[str] = set()

    def begin(self, pull: Pull) -> None:
        """A pull begins. One that is continued is not followed: what was kept before would have to be read first."""
        self.close()
        if self._answers is None and not pull.progress:
            self._answers = _Answers(pull.pull_id, lambda: self._warehouse.payloads(self._source, self._window))
            self._thread = Thread(target=self._run, args=(self._answers,), name="load_ahead", daemon=True)
            self._thread.start()

    def take(self, payload: Payload) -> None:
        """An answer was kept."""
        if self._answers is None:
            return
        # A listing that begins anew voids what was read of it; a file is gone when the next answer is asked for.
        if (payload.page == 1 and payload.part in self._parts) or payload.file is not None:
            self.close()
        self._parts.add(payload.part)
        self._answers.put(payload)

    def finish(self) -> None:
        """The pull is complete."""
        if self._answers is not None:
            self._answers.put(None)

    def report(self) -> LoadReport | None:
        """What the load did, which is waited for; None if the pull is to be loaded in the usual way."""
        if self._thread is not None:
            self._thread.join()
        return self._report

    def close(self) -> None:
        """Drop it, unless it is committed."""
        if self._thread is not None and self._answers is not None:
            self._answers.is_dropped = True
            self._thread.join(_GRACE_SECONDS)

    def _run(self, answers: "_Answers") -> None:
        try:
            kinds = self._warehouse.known_kinds(self._source)
            self._report = self._warehouse.load(
                self._source,
                self._window,
                answers,
                self._shown(self._provider.normalize(answers, self._window, kinds)),
                is_correction=self._is_correction,
                is_attempt=True,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the usual load finds it, and says whose it is
            _log.debug("%s, %s: not loaded while it was pulled: %s", self._source, self._window, type(error).__name__)
        finally:
            answers.is_dropped = True

    def _shown(self, batches: "Iterator[Normalized]") -> "Iterator[Normalized]":
        for batch in batches:
            if self._on_batch is not None:
                self._on_batch(batch)
            yield batch


class _Answers(LandedPull):
    """The answers of a pull as they come, once; a complete pull when the last one has come."""

    def __init__(self, pull_id: int, whole: Callable[[], LandedPull]) -> None:
        self.pull_id = pull_id
        self.proof = ""
        self.sha256s: tuple[str, ...] = ()
        self.is_dropped = False
        self._whole = whole
        self._kept: Queue[Payload | None] = Queue(_MOST_WAITING)

    def put(self, payload: Payload | None) -> None:
        """Put an answer, or the end, and wait where the reader is slower; drop it all where it is stuck."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self.is_dropped:
            try:
                self._kept.put(payload, timeout=0.1)
            except Full:
                if time.monotonic() > until:
                    self.is_dropped = True
            else:
                return

    def __iter__(self) -> Iterator[Payload]:
        while not self.is_dropped:
            with suppress(Empty):
                payload = self._kept.get(timeout=0.1)
                if payload is None:
                    whole = self._whole()
                    if whole.pull_id == self.pull_id:
                        self.proof, self.sha256s = whole.proof, whole.sha256s
                        return
                    break
                yield payload
        raise _DroppedError


class _DroppedError(Exception):
    """Nobody is told: the pull is loaded in the usual way."""
