"""The embedded server's configuration, written anew at every start."""

from pathlib import Path
from typing import Final

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    # Every database with the extension holds one background worker for its scheduler; a test run has dozens.
    "timescaledb.max_background_workers": "32",
    "max_worker_processes": "64",
    "max_connections": "120",
    # A load touches every chunk of its window, a year of history some hundreds with their indexes.
    "max_locks_per_transaction": "256",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    # Nobody replicates this server. A chunk that is made and filled in one transaction then goes straight to the disk,
    # flushed at the commit, instead of through the log: 2 million points in 2.7 s instead of 3.2 s (2026-11, n=5).
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_buffers": "64MB",
    "checkpoint_timeout": "15min",
    # Compiling a query costs more than it saves at this size, and the compiler is not fetched.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
}

_HASTE: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # A database is a fresh copy or is gone within seconds; nobody needs its scheduled jobs.
    "timescaledb.max_background_workers": "8",
    "autovacuum": "off",
}


def server_settings(*, port: int, socket_folder: Path, durable: bool) -> str:
    """The text of the configuration file.

    Args:
        port: The loopback port.
        socket_folder: Where the Unix socket lies.
        durable: Whether a committed row survives a power cut. Off for tests, which then run several times as fast.
    """
    settings = _SETTINGS | ({} if durable else _HASTE)
    settings |= {"port": str(port), "unix_socket_directories": str(socket_folder)}
    lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
    return "# Written by warehouse/embedded/settings.py at every start; a change here does not last.\n" + "".join(lines)
