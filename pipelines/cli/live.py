"""`live`: listen to the streams of one source until it is stopped, and keep the hypertable current."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from types import FrameType
from typing import Final, Protocol, runtime_checkable

from domain.errors import WarehouseUnavailableError
from domain.live import LiveFeed
from domain.texts import counted
from pipelines.cli.days import SourceArgument
from pipelines.console import refuse, say
from pipelines.live.service import LiveService
from pipelines.live.settings import LiveSettings
from pipelines.local.project import Project
from resources.settings import Settings

_REPORT_SECONDS: Final = 60.0  # between two lines about how it goes


@runtime_checkable
class LiveSource(Protocol):
    """A source whose provider has live streams."""

    def open_live(self, settings: Settings) -> AbstractContextManager[LiveFeed]:
        """The streams of the account."""


def live(source: SourceArgument) -> None:
    """Keep a source current from its live stream; every gap is marked, and filled from the export. Ctrl-C ends it."""
    project = Project()
    chosen = project.source(source)
    component = chosen.component
    if not isinstance(component, LiveSource):
        title = component.facts.spec.title
        refuse(f"{source} has no live stream, because {title} has none: use `joulehouse backfill {source}`.")
    if component.facts.is_retired:
        refuse(f"{source} is retired: what is loaded stays, and nothing new comes.")
    with (
        # What is heard meanwhile is kept, and what cannot be kept is marked as a gap: it does its own waiting.
        project.warehouse(patience_seconds=0) as warehouse,
        closing(chosen.open()) as provider,
        component.open_live(project.settings) as feed,
    ):
        with suppress(WarehouseUnavailableError):
            warehouse.landing_zone.look()  # gaps are filled from answers that are kept
        settings = LiveSettings(longest_silence=component.facts.spec.longest_silence)
        service = LiveService(chosen.slug, feed, provider, warehouse, settings=settings)
        with _stopped_by_signals(service), _progress_printed(service, source):
            counts = service.run()
    summary = f"{counted(counts.n_messages, 'message')} heard, {counted(counts.n_new, 'new point')}"
    say(f"{source}: {summary}, {counted(counts.n_gaps, 'gap')} marked, {counts.n_filled:,} filled. Stopped.")


@contextmanager
def _stopped_by_signals(service: LiveService) -> Iterator[None]:
    """SIGINT and SIGTERM end the service; what it has received is written first."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        service.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress_printed(service: LiveService, source: str) -> Iterator[None]:
    """Print the counts every minute."""
    over = threading.Event()

    def report() -> None:
        began = time.monotonic()
        while not over.wait(_REPORT_SECONDS):
            counts = service.counts
            summary = f"{counted(counts.n_messages, 'message')}, {counted(counts.n_new, 'new point')}"
            minutes = counted(round((time.monotonic() - began) / 60), "minute")
            say(f"{source}: {minutes}, {summary}, {counts.n_filled:,} of {counted(counts.n_gaps, 'gap')} filled")

    say(f"{source}: listening; Ctrl-C ends it.")
    thread = threading.Thread(target=report, name="live report", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
