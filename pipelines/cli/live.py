"""`live`: listen to the streams of one source for as long as it is let, and keep the hypertable current."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final, Protocol, runtime_checkable

import typer

from domain.live import LiveFeed
from pipelines.console import counted, refuse, say
from pipelines.local.project import House
from resources.settings import Settings

if TYPE_CHECKING:
    from pipelines.live.service import LiveService

_EVERY_SECONDS: Final = 60.0  # between two lines about how it goes

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's slug; `joulehouse sources` lists.")]


@runtime_checkable
class LiveSource(Protocol):
    """A source whose provider has live streams."""

    def open_live(self, settings: Settings) -> AbstractContextManager[LiveFeed]:
        """The streams of the account."""


def live(source: SourceArgument) -> None:
    """Keep a source current from its live stream; every gap is marked, and filled from the export. Ctrl-C ends it."""
    from pipelines.live.service import LiveService  # noqa: PLC0415  # brings pandas along

    house = House()
    chosen = house.source(source)
    component = chosen.component
    if not isinstance(component, LiveSource):
        title = component.facts.spec.title
        refuse(f"{source} has no live stream, because {title} has none: use `joulehouse backfill {source}`.")
    if component.facts.is_retired:
        refuse(f"{source} is retired: what is loaded stays, and nothing new comes.")
    with (
        house.warehouse() as warehouse,
        closing(chosen.opened()) as provider,
        component.open_live(house.settings) as feed,
    ):
        service = LiveService(chosen.slug, feed, provider, warehouse)
        with _stopped_by_signals(service), _told(service, source):
            counts = service.run()
    said = f"{counted(counts.n_messages, 'message')} heard, {counted(counts.n_new, 'new point')}"
    say(f"{source}: {said}, {counted(counts.n_gaps, 'gap')} marked, {counts.n_filled:,} filled. Stopped.")


@contextmanager
def _stopped_by_signals(service: "LiveService") -> Iterator[None]:
    """SIGINT and SIGTERM end the service; what was heard is put first."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        service.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _told(service: "LiveService", source: str) -> Iterator[None]:
    """Say now and then how it goes."""
    over = threading.Event()

    def tell() -> None:
        began = time.monotonic()
        while not over.wait(_EVERY_SECONDS):
            counts = service.counts
            said = f"{counted(counts.n_messages, 'message')}, {counted(counts.n_new, 'new point')}"
            minutes = counted(round((time.monotonic() - began) / 60), "minute")
            say(f"{source}: {minutes}, {said}, {counts.n_filled:,} of {counted(counts.n_gaps, 'gap')} filled")

    say(f"{source}: listening; Ctrl-C ends it.")
    thread = threading.Thread(target=tell, name="live tell", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
