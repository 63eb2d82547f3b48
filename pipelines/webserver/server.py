"""The webserver itself: Dagster's application, as `dagster-webserver` makes it, with the guard before it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.applications import Starlette

from pipelines.webserver.guard import RequestGuard
from pipelines.webserver.origins import OwnOrigins
from warehouse.history_sessions import HistoryDialect

# What `dagster-webserver` has by default.
_STATEMENT_TIMEOUT_MILLISECONDS: Final = 15_000
_POOL_RECYCLE_SECONDS: Final = 3600
_POOL_MAX_OVERFLOW: Final = 20
_POLL_MILLISECONDS: Final = 2000


def guarded_application(context: WorkspaceProcessContext, own: OwnOrigins) -> Starlette:
    """Dagster's application with the guard outermost; for viewers where the context is."""
    application = create_app_from_workspace_process_context(context, "", _POLL_MILLISECONDS, lifespan=_lifespan)
    application.add_middleware(RequestGuard, own=own, is_read_only=context.read_only)
    return application


def serve(host: str, port: int, workspace: Path, own: OwnOrigins, *, is_read_only: bool) -> None:
    """Serve the UI of the instance that DAGSTER_HOME names, until a signal."""
    HistoryDialect.patience_seconds = 0.0  # a person sees what is wrong, and loads the page again
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MILLISECONDS, _POOL_RECYCLE_SECONDS, _POOL_MAX_OVERFLOW)
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, target, version=__version__, read_only=is_read_only) as context:
            uvicorn.run(guarded_application(context, own), host=host, port=port, log_level="warning")


@asynccontextmanager
async def _lifespan(_application: Starlette) -> AsyncIterator[None]:
    # Ended by a signal, uvicorn cancels what waits here (as `dagster-webserver` has it).
    with suppress(asyncio.CancelledError):
        yield
