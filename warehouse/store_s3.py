"""The driver of S3.

It has `config_kwargs` (botocore's) beside its own `retries`, which would multiply them. Its puts wait for
`100 Continue` without a limit unless botocore's handler is taken away; what is refused is then sent in vain.
"""

from typing import Any

from aiobotocore.session import AioSession
from botocore.handlers import add_expect_header
from s3fs import S3FileSystem

from warehouse import store_drivers


def driver(options: dict[str, Any]) -> store_drivers.Driver:
    """A new one, not connected."""
    session = AioSession()
    session.unregister("before-call.s3", add_expect_header)
    timeouts = {"connect_timeout": store_drivers.CONNECT_SECONDS, "read_timeout": store_drivers.SILENT_SECONDS}
    retries = {"mode": "standard", "total_max_attempts": store_drivers.TRIES}
    system = S3FileSystem(**{"session": session, "config_kwargs": timeouts | {"retries": retries}} | options)
    system.retries = 1
    return system
