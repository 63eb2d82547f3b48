"""Hands orders to couriers: processes of their own, which carry an order to its end whatever becomes of the run."""

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from domain.errors import ExportPendingError, IngestError
from domain.export_jobs import Order
from providers.servitly.orders import Refusal
from resources.settings import PROJECT

if TYPE_CHECKING:
    from resources.servitly import ServitlyAccess

COMMAND: Final = (sys.executable, "-P", "-m", "resources.courier")
"""What a courier runs: this interpreter, and of its folder nothing."""

Outcome = tuple[int, Refusal | None, IngestError | None]
"""What a courier says at its end: requests sent, a refusal to wait for, an error to raise."""


class Dispatch:
    """Carries orders by couriers (`providers.servitly.orders.Carry`).

    A courier is in a session of its own: what is sent to the run's group does not reach it, and when the run dies it
    goes on, and writes the name of the job into the ledger. It makes its own client, with a login of its own.

    Args:
        access: How the account is reached.
        environment: The courier's variables: secrets are in these, and neither in its arguments nor in its input.
        place: The source, for messages.
        patience: Seconds to wait for a courier; one that takes longer is killed.
        command: What a courier runs.

    Attributes:
        n_requests: HTTP requests sent by the couriers that came back.
    """

    def __init__(
        self,
        access: "ServitlyAccess",
        environment: Mapping[str, str],
        *,
        place: str,
        patience: float,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._access = access
        paths = (str(PROJECT), environment.get("PYTHONPATH", ""))
        self._environment = {**environment, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
        self._place = place
        self._patience = patience
        self._command = command
        self.n_requests = 0

    def carry(self, number: int, order: Order) -> Refusal | None:
        """See `Orders.carry`.

        Raises:
            ExportPendingError: The courier did not come back. The ledger says how far it came.
            IngestError: What the courier met.
        """
        try:
            said = self._said(pickle.dumps((self._access, number, order)))
        except OSError:  # no process to be had now; where it had begun, it goes on
            raise self._astray(order, "could not be started, or told") from None
        try:
            n_requests, refusal, error = pickle.loads(said)  # noqa: S301  # our own process's
        except Exception:  # noqa: BLE001  # whatever else it wrote
            raise self._astray(order, "was killed, or could not start") from None
        self.n_requests += n_requests
        if error is not None:
            raise error
        return refusal  # type: ignore[no-any-return]  # see `Outcome`

    def _said(self, told: bytes) -> bytes:
        """What a courier says that was told this; nothing where it says nothing in time."""
        courier = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=self._environment,
        )
        try:
            return courier.communicate(told, timeout=self._patience)[0]
        except subprocess.TimeoutExpired:
            courier.kill()
            courier.wait()
            return b""
        finally:
            # Where the run is interrupted, the courier is not: it has been told all, or it ends without a word.
            for pipe in (courier.stdin, courier.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _astray(self, order: Order, how: str) -> ExportPendingError:
        return ExportPendingError(
            f"the process that carried the order {how}, and whether the provider has it is not known",
            place=f"{self._place}, {order.part} {order.window}",
            fix="wait for the next run, which finds in table export_job how far it came",
        )
