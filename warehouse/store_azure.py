"""The driver of Azure's store, which is set by what its client was made with.

By itself it tries four times, and pauses for half a minute and more.
"""

from typing import Any

from adlfs import AzureBlobFileSystem

from warehouse import store_limits


def driver(options: dict[str, Any]) -> store_limits.Driver:
    """A new one, not connected."""
    timeouts = {"connection_timeout": store_limits.CONNECT_SECONDS, "read_timeout": store_limits.SILENT_SECONDS}
    system = AzureBlobFileSystem(**timeouts | options)
    client = system.service_client._config  # noqa: SLF001 — adlfs makes the client, and hands nothing on to it
    client.transport.connection_config.timeout = store_limits.CONNECT_SECONDS
    client.transport.connection_config.read_timeout = store_limits.SILENT_SECONDS
    policy = client.retry_policy
    policy.total_retries, policy.initial_backoff, policy.increment_base = store_limits.TRIES - 1, 1, 1
    policy.random_jitter_range = 1
    return system
