"""What keeps an open UI alive: the embedded server is started again if it ends, and nobody else's is touched."""

from pathlib import Path
from typing import Any, cast

import pytest

from domain.errors import ConfigurationError
from pipelines.local.dagster_processes import DagsterProcesses
from pipelines.local.environment import RunningEnvironment
from pipelines.local.project import Project
from resources.settings import Settings
from tests.fakes.outages import kill_server

POSTGRES = {f"DAGSTER_PG_{name}": "x" for name in ("HOST", "USER", "PASSWORD", "DB")}


class Processes:
    """Dagster's, which end after a look or two."""

    def __init__(self, n_looks: int) -> None:
        self._n_looks = n_looks

    def failure(self) -> str:
        self._n_looks -= 1
        return "" if self._n_looks else "the daemon has ended"


def environment(project: Project, n_looks: int = 2) -> RunningEnvironment:
    processes = cast("DagsterProcesses", Processes(n_looks))
    return RunningEnvironment(project, None, processes, cast("Any", None), "")


def project_of(home: Path, cache: Path, **variables: str) -> Project:
    return Project(Settings({"JOULEHOUSE_HOME": str(home), "XDG_CACHE_HOME": str(cache.parent), **variables}))


def test_an_embedded_server_that_was_killed_is_started_again_while_the_ui_is_open(
    tmp_path: Path, package_cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.local.environment._POLL_SECONDS", 0.01)
    project = project_of(tmp_path / "home", package_cache)
    project.embedded.start()
    try:
        kill_server(project.embedded)
        with pytest.raises(ConfigurationError, match="the daemon has ended"):
            environment(project, n_looks=3).wait_until_interrupted()
        assert project.embedded.status().is_running
        assert "the embedded warehouse has ended, and is started again" in " ".join(capsys.readouterr().err.split())

        project.embedded.stop()
        # Neither the points nor Dagster's history are on it now: whoever stopped it meant it.
        elsewhere = project_of(tmp_path / "home", package_cache, WAREHOUSE_URL="postgresql://me@there/x", **POSTGRES)
        environment(elsewhere).keep_server()
        assert not project.embedded.status().is_running
    finally:
        project.embedded.remove()


def test_an_embedded_server_that_was_never_made_is_not_made(tmp_path: Path, package_cache: Path) -> None:
    environment(project_of(tmp_path / "home", package_cache)).keep_server()
    assert not (tmp_path / "home").exists()
