"""Carries one order and ends: `python -m resources.courier`, which `resources.dispatch` starts and tells what to carry.

It imports neither Dagster nor pandas, because each order waits for it.
"""

import contextlib
import logging
import os
import pickle
import signal
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

from domain.errors import IngestError, UnforeseenError
from domain.export_jobs import Order
from resources.settings import Settings

if TYPE_CHECKING:
    from providers.servitly.orders import Refusal
    from resources.dispatch import Outcome
    from resources.servitly import ServitlyAccess

_log: Final = logging.getLogger(__name__)

_TOLD_SECONDS: Final = 60.0  # a run writes down what it tells in one go; one that does not is frozen, or was


def main() -> None:
    """Carry the order that the run tells of, and say what became of it, whether or not anybody is left to hear it.

    From the moment that it knows the order, it has `Pace.unknown` to live. So an order which is given up because it
    has had no name for that long is never sent after all, not even by a courier that was frozen meanwhile: it ends
    before its next step.
    """
    _end_after(_TOLD_SECONDS)
    told = _told(sys.stdin.buffer)
    if told is None:
        return
    access, number, order = told
    _end_after(access.pace.unknown)
    for polite in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(polite, signal.SIG_IGN)  # whoever ends the house politely lets it come to its end first
    outcome = _carried(access, number, order)
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), pickle.dumps(outcome))


def _told(source: BinaryIO) -> "tuple[ServitlyAccess, int, Order] | None":
    """What is to be carried; None if the run died while it said so."""
    try:
        return pickle.load(source)  # type: ignore[no-any-return]  # noqa: S301  # our own process's
    except (EOFError, pickle.UnpicklingError):
        return None


def _carried(access: "ServitlyAccess", number: int, order: Order) -> "Outcome":
    settings = Settings()
    refusal: Refusal | None = None
    n_requests = 0
    try:
        with access.line(settings, warehouse=settings.warehouse_url) as line:
            try:
                refusal = access.orders(line).carry(number, order)
            finally:
                n_requests = line.n_requests
    except IngestError as error:
        return n_requests, None, error
    except Exception as error:  # noqa: BLE001  # the run has to hear of it
        _log.exception("an order was not carried to its end")
        return n_requests, None, _unforeseen(error, order)
    return n_requests, refusal, None


def _unforeseen(error: Exception, order: Order) -> UnforeseenError:
    return UnforeseenError(
        f"a courier met {type(error).__name__}",
        place=f"{order.part} {order.window}",
        fix="report it with the lines above",
    )


def _end_after(seconds: float) -> None:
    """Let the system end this process when `seconds` are over, whatever it is doing, or as soon as it goes on."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
