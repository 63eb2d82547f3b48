"""What several tests of commands and messages start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.export_service.twin import ExportService
from sandbox.running import running_sandbox
from tests.fakes.webhook import Webhook, listening

_SECRET = "of the client"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """An address that takes messages."""
    with listening() as opened:
        yield opened


@pytest.fixture
def twin(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExportService]:
    """The charging hub's provider, at which the shipped source points."""
    with running_sandbox(client_id="tests", client_secret=_SECRET) as sandbox:
        monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("WAREHOUSE_URL", database)
        monkeypatch.setenv("CHARGING_HUB_URL", sandbox.url)
        monkeypatch.setenv("CHARGING_HUB_CLIENT_ID", "tests")
        monkeypatch.setenv("CHARGING_HUB_CLIENT_SECRET", _SECRET)
        yield sandbox.control.export_service
