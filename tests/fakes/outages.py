"""A server of its own that is restarted, killed or left without a backend while days are loaded from it."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from warehouse.embedded import EmbeddedWarehouse


def restart(server: EmbeddedWarehouse, *, away_seconds: float = 0.0) -> None:
    """Stop the server as an administrator does, and start it again."""
    server.stop()
    time.sleep(away_seconds)
    server.start()


def kill_backend(server: EmbeddedWarehouse) -> None:
    """`kill -9` of the process behind one of our sessions: the server ends all others, and recovers."""
    for _ in range(500):
        # It may be recovering from the last time.
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.admin_url, autocommit=True) as admin:
            rows = admin.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'joulehouse'").fetchall()
            if rows:
                os.kill(random.choice(rows)[0], signal.SIGKILL)
                return
        time.sleep(0.01)


def kill_server(server: EmbeddedWarehouse) -> None:
    """`kill -9` of the whole server, which nobody starts again but who needs it."""
    pid = server.status().pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


@contextmanager
def meanwhile(disturb: Callable[[], None], at_seconds: list[float]) -> Iterator[None]:
    """Do `disturb` at each of these moments from now on, beside the block; its own errors are raised at the end."""
    errors: list[BaseException] = []
    is_over = threading.Event()

    def work() -> None:
        began = time.monotonic()
        try:
            for moment in at_seconds:
                if is_over.wait(max(0.0, began + moment - time.monotonic())):
                    return
                disturb()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    if errors:
        raise errors[0]


def killed_and_started_again(server: EmbeddedWarehouse) -> None:
    kill_server(server)
    server.start()


def bounded(name: str, draw: random.Random, server: EmbeddedWarehouse) -> None:
    """From here on the server ends what rests, or takes long: sessions that are open, and those to come."""
    set_everywhere(server, f"SET {name} = '{draw.randint(20, 200)}ms'")


def set_everywhere(server: EmbeddedWarehouse, change: str) -> None:
    """Change a setting of the whole server, as a session that is not bound by it."""
    unbound = " ".join(f"-c {name}=0" for name in BOUNDS)
    with psycopg.connect(server.admin_url, autocommit=True, options=unbound) as admin:
        admin.execute(f"ALTER SYSTEM {change}".encode())
        admin.execute("SELECT pg_reload_conf()")


BOUNDS: Final = ("idle_session_timeout", "transaction_timeout", "idle_in_transaction_session_timeout")
DISTURBANCES: Final[dict[str, Callable[[EmbeddedWarehouse, random.Random], None]]] = {
    "restart of 0.4 s": lambda server, _: restart(server, away_seconds=0.4),
    "restart of 30 s": lambda server, _: restart(server, away_seconds=30.0),
    "kill -9 of a backend": lambda server, _: kill_backend(server),
    "kill -9 of the server": lambda server, _: killed_and_started_again(server),
    "idle_session_timeout": lambda server, draw: bounded("idle_session_timeout", draw, server),
    "transaction_timeout": lambda server, draw: bounded("transaction_timeout", draw, server),
}
"""What happens to a server, by name; a bound is drawn."""
