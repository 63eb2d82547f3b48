"""Orders are carried by a process of their own, the worker, to their end, whatever becomes of the run that starts it.

A run calls `OrderWorker.carry`, which starts `python -m resources.order_worker` and tells it what to carry. That
process imports neither Dagster nor pandas, because each order waits for it.
"""

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from domain.errors import ExportPendingError, IngestError, UnforeseenError
from domain.export_jobs import Order
from providers.servitly.orders import Orders, Refusal
from resources.settings import PROJECT, Settings

if TYPE_CHECKING:
    from domain.contract import Budget
    from domain.export_jobs import ExportJobs
    from providers._http import ApiClient
    from providers._login import BearerLogin
    from providers.servitly.polling_policy import PollingPolicy
    from resources.session import ProviderSession

COMMAND: Final = (sys.executable, "-P", "-m", "resources.order_worker")
"""What a worker runs: this interpreter, and of its folder nothing."""

Outcome = tuple[int, Refusal | None, IngestError | None]
"""What a worker answers at its end: requests sent, a refusal to wait for, an error to raise."""

_log: Final = logging.getLogger(__name__)

_RECEIVE_SECONDS: Final = 60.0  # a run writes the order in one go; one that does not is frozen, or was


class OrderConfig(Protocol):
    """What a worker needs of `resources.servitly.ServitlyConfig`, which makes this module's `OrderWorker`."""

    @property
    def polling_policy(self) -> "PollingPolicy":
        """All waits for jobs and archives."""

    def session(self, settings: Settings, *, warehouse: str | None = None) -> "ProviderSession":
        """See `ConnectionConfig.session`."""

    def ordering(self, session: "ProviderSession") -> "tuple[Budget | None, BearerLogin, ApiClient, ExportJobs]":
        """What an order needs: the tenant's budget, its login, its API and the ledger of its jobs."""


class OrderWorker:
    """Carries each order by a worker of its own (`providers.servitly.orders.Carry`).

    A worker is in a session of its own: what is sent to the run's group does not reach it, and when the run dies it
    goes on, and writes the name of the job into the ledger. It makes its own client, with a login of its own.

    Args:
        config: How the account is reached.
        environment: The worker's variables: secrets are in these, and neither in its arguments nor in its input.
        source: The source, for messages.
        patience: Seconds to wait for a worker; one that takes longer is killed.
        command: What a worker runs.

    Attributes:
        n_requests: HTTP requests sent by the workers that came back.
    """

    def __init__(
        self,
        config: OrderConfig,
        environment: Mapping[str, str],
        *,
        source: str,
        patience: float,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._config = config
        paths = (str(PROJECT), environment.get("PYTHONPATH", ""))
        self._environment = {**environment, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
        self._source = source
        self._patience = patience
        self._command = command
        self.n_requests = 0

    def carry(self, number: int, order: Order) -> Refusal | None:
        """See `Orders.carry`.

        Raises:
            ExportPendingError: The worker did not come back. The ledger holds how far it came.
            IngestError: What the worker met.
        """
        try:
            output = self._output(pickle.dumps((self._config, number, order)))
        except OSError:  # no process to be had now; where it had begun, it goes on
            raise self._unknown(order, "could not be started, or reached") from None
        try:
            outcome: Outcome = pickle.loads(output)  # noqa: S301  # our own process's
            n_requests, refusal, error = outcome
        except Exception:  # noqa: BLE001  # whatever else it wrote
            raise self._unknown(order, "was killed, or could not start") from None
        self.n_requests += n_requests
        if error is not None:
            raise error
        return refusal

    def _output(self, message: bytes) -> bytes:
        """What a worker writes that was sent `message`; nothing where it writes nothing in time."""
        worker = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=self._environment,
        )
        try:
            return worker.communicate(message, timeout=self._patience)[0]
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
            return b""
        finally:
            # Where the run is interrupted, the worker is not: it has been sent all, or it ends without a word.
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _unknown(self, order: Order, how: str) -> ExportPendingError:
        return ExportPendingError(
            f"the process that carried the order {how}, and whether the provider has it is not known",
            place=f"{self._source}, {order.part} {order.window}",
            fix="wait for the next run, which finds in table export_job how far it came",
        )


def main() -> None:
    """Carry the order that the run sends, and answer what became of it, whether or not the run still listens.

    From the moment that it knows the order, it has `PollingPolicy.unknown` to live. So an order which is given up
    because it has had no name for that long is never sent after all, not even by a worker that was frozen meanwhile: it
    ends before its next step.
    """
    _end_after(_RECEIVE_SECONDS)
    received = _received(sys.stdin.buffer)
    if received is None:
        return
    config, number, order = received
    _end_after(config.polling_policy.unknown)
    for polite in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(polite, signal.SIG_IGN)  # a polite signal lets it come to its end first
    outcome = _carried(config, number, order)
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), pickle.dumps(outcome))


def _received(source: BinaryIO) -> tuple[OrderConfig, int, Order] | None:
    """What is to be carried; None if the run died while it wrote it."""
    try:
        received: tuple[OrderConfig, int, Order] = pickle.load(source)  # noqa: S301  # our own process's
    except (EOFError, pickle.UnpicklingError):
        return None
    return received


def _carried(config: OrderConfig, number: int, order: Order) -> Outcome:
    settings = Settings()
    refusal: Refusal | None = None
    n_requests = 0
    try:
        with config.session(settings, warehouse=settings.warehouse_url) as session:
            try:
                _, credentials, http, jobs = config.ordering(session)
                refusal = Orders(http, credentials, jobs, policy=config.polling_policy).carry(number, order)
            finally:
                n_requests = session.n_requests
    except IngestError as error:
        return n_requests, None, error
    except Exception as error:  # noqa: BLE001  # the run must know
        _log.exception("an order was not carried to its end")
        unforeseen = UnforeseenError(
            f"a worker met {type(error).__name__}",
            place=f"{order.part} {order.window}",
            fix="report it with the lines above",
        )
        return n_requests, None, unforeseen
    return n_requests, refusal, None


def _end_after(seconds: float) -> None:
    """Let the system end this process when `seconds` are over, whatever it is doing, or as soon as it goes on."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
