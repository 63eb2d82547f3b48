"""A run that sees in Dagster's history that it is being cancelled, and interrupts itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import dagster as dg
from dagster._utils import send_interrupt

LOOKED_EVERY_SECONDS: Final = 3.0


@contextmanager
def interrupted_when_cancelled(
    instance: dg.DagsterInstance, run_id: str, *, every: float = LOOKED_EVERY_SECONDS
) -> Iterator[None]:
    """Interrupt the main thread, as Ctrl-C does, once somebody cancels the run; for as long as the block lasts."""
    has_ended = Event()

    def look() -> None:
        while not has_ended.wait(every):
            if _is_cancelled(instance, run_id):
                if not has_ended.is_set():
                    send_interrupt()
                return

    # An instance in memory is this process's, and nobody else can cancel its runs.
    if instance.is_persistent:
        Thread(target=look, name="run cancellation", daemon=True).start()
    try:
        yield
    finally:
        has_ended.set()


def _is_cancelled(instance: dg.DagsterInstance, run_id: str) -> bool:
    try:
        run = instance.get_run_by_id(run_id)
    except Exception:  # noqa: BLE001  # a history that is away, by whatever its driver raises: it is asked again
        return False
    # "Force termination" in the UI calls it cancelled at once, though it is at work.
    return run is not None and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)
