"""The driver of Azure's store, which is set by what its client was made with.

By itself it tries four times, and pauses for half a minute and more.
"""

from typing import Any

from adlfs import AzureBlobFileSystem

from warehouse import store_drivers


def driver(options: dict[str, Any]) -> store_drivers.Driver:
    """A new one, not connected."""
    timeouts = {"connection_timeout": store_drivers.CONNECT_SECONDS, "read_timeout": store_drivers.SILENT_SECONDS}
    system = AzureBlobFileSystem(**timeouts | options)
    client = system.service_client._config  # noqa: SLF001 — adlfs makes the client, and hands nothing on to it
    client.transport.connection_config.timeout = store_drivers.CONNECT_SECONDS
    client.transport.connection_config.read_timeout = store_drivers.SILENT_SECONDS
    policy = client.retry_policy
    policy.total_retries, policy.initial_backoff, policy.increment_base = store_drivers.TRIES - 1, 1, 1
    policy.random_jitter_range = 1
    return system
