"""Dagster's history, on sessions that stay open.

Dagster opens a session for every question that it asks of its own history, thirty in a second: each a process of the
server and a login. Its webserver alone keeps one, as `optimize_for_webserver` says. Here every process does. A session
is tried before it is used again, so that a server that was restarted costs a new one and not a run.
"""

from collections.abc import Mapping
from typing import Any, Self, cast

from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, pg_url_from_config


class PooledPostgresStorage(DagsterPostgresStorage):
    """What `postgres` is in `dagster.yaml`, with the same settings under `config`, and up to three sessions at rest."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open nothing more than the class above does: its engines hold no session, and are let go."""
        super().__init__(postgres_url, inst_data=inst_data)
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = create_pg_engine(  # noqa: SLF001 - the one place where it is kept
                postgres_url,
                isolation_level="AUTOCOMMIT",
                pool_size=1,
                max_overflow=20,  # for the moment; as many as the webserver may have
                pool_pre_ping=True,
                pool_recycle=3600,
            )

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Dagster's way of making one from `dagster.yaml`."""
        return cls(pg_url_from_config(cast("PostgresStorageConfig", config_value)), inst_data)
