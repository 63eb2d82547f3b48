"""One code server for the webserver and the daemon: it is watched, and started again when it dies."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from pipelines.local.code_server import CodeServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CodeServer]:
    """One in a folder whose path is too long for a socket."""
    instance = tmp_path / "dagster"
    instance.mkdir()
    server = CodeServer(tmp_path / ("x" * 100) / "run", instance)
    yield server
    server.process.stop()
    shutil.rmtree(socket_of(server).parent)


def socket_of(server: CodeServer) -> Path:
    """Where its clients look for it."""
    [location] = yaml.safe_load(server.workspace.read_text())["load_from"]
    assert location["grpc_server"]["location_name"] == "joulehouse"
    return Path(location["grpc_server"]["socket"])


def test_a_code_server_that_dies_is_started_again_and_its_clients_find_it_where_it_was(
    server: CodeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.local.code_server._SILENT_SECONDS", 1.0)
    environment = {**os.environ, "DAGSTER_HOME": str(server.instance)}
    server.start(environment)
    where = socket_of(server)
    assert where.parent.stat().st_mode & 0o077 == 0
    leader = server.process.pid
    server.keep(environment)
    assert server.process.pid == leader

    [inner] = psutil.Process(leader).children()
    inner.kill()  # what knows the definitions is gone, and what listens for it lives
    server.keep(environment)
    assert server.answers
    assert server.process.pid not in {None, leader}
    assert socket_of(server) == where
    assert "Dagster's code server has ended, and is started again" in " ".join(capsys.readouterr().err.split())
