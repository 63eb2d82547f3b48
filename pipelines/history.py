"""Dagster's history, on sessions that stay open.

Dagster opens a session for every question that it asks of its own history, thirty in a second: each a process of the
server and a login. Its webserver alone keeps some, as `optimize_for_webserver` says, and goes on doing so its own way.
Here every process does. A session is tried before it is used again, so that a server that was restarted costs a new
session and not a run; and an instance that is closed ends its own, or else they would add up.

Whether the tables are there is asked once in a process, and not, in six sessions, by each of its instances: a code
server makes one for every look of a sensor.

What libpq finds in the environment changes these sessions as little as the warehouse's, and what a role or a database
has for defaults does not either.
"""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, cast

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config

from warehouse.history_sessions import has_history, history_url

if TYPE_CHECKING:
    from dagster._core.storage.config import PostgresStorageConfig

gc.freeze()  # ADR 0042; of ours this is imported first in each process of Dagster's

_HAS_TABLES: Final[set[str]] = set()
"""The addresses at which this process has found Dagster's tables, or made them."""


class PooledPostgresStorage(DagsterPostgresStorage):
    """The `postgres` storage of `dagster.yaml`, with the same settings under `config`: at most three idle sessions."""

    def __init__(self, settings: Mapping[str, Any], inst_data: ConfigurableClassData | None = None) -> None:
        """Open nothing more than the class above does: its engines hold no session, and are let go.

        Args:
            settings: The values under `config`.
            inst_data: Where they stand, for Dagster.
        """
        url = history_url(pg_url_from_config(cast("PostgresStorageConfig", settings)))
        token_provider = get_token_provider_from_config(settings)
        may_create = settings.get("should_autocreate_tables", True)
        super().__init__(url, may_create and url not in _HAS_TABLES, inst_data, token_provider)
        if may_create:
            _HAS_TABLES.add(url)
        self._parts = (self._run_storage, self._event_log_storage, self._schedule_storage)
        for part in self._parts:
            part._engine = create_pg_engine(  # noqa: SLF001 - the one place where it is kept
                url,
                token_provider,
                isolation_level="AUTOCOMMIT",
                pool_size=1,
                max_overflow=20,  # for the moment; as many as the webserver may have
                pool_pre_ping=True,
                pool_recycle=3600,
            )
        # An instance that is closed disposes of this part, and of no engine.
        self._run_storage.dispose = self._end_sessions  # type: ignore[method-assign] # Dagster calls nothing else

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Dagster's way of making one from `dagster.yaml`."""
        return cls(config_value, inst_data)

    def _end_sessions(self) -> None:
        for part in self._parts:
            part._engine.dispose()  # noqa: SLF001 - the same; the webserver has replaced it


@contextmanager
def recorded(variables: Mapping[str, str]) -> Iterator[PooledPostgresStorage | None]:
    """What Dagster has recorded, to be read; None where it has never begun to.

    Args:
        variables: `DAGSTER_PG_HOST` and the others, as `pipelines/instance/dagster.yaml` names them.

    Raises:
        WarehouseError: Its database is not to be had.
    """
    names = {"hostname": "HOST", "port": "PORT", "username": "USER", "password": "PASSWORD", "db_name": "DB"}
    config = {
        "postgres_db": {part: variables[f"DAGSTER_PG_{name}"] for part, name in names.items()},
        "should_autocreate_tables": False,
    }
    if not has_history(pg_url_from_config(cast("PostgresStorageConfig", config))):
        yield None
        return
    storage = PooledPostgresStorage(config)
    try:
        yield storage
    finally:
        storage.run_storage.dispose()
