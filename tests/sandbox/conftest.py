from collections.abc import Iterator

import pytest

from sandbox.control import ExportServiceControl
from sandbox.running import Sandbox, running_sandbox
from tests.fakes.export_caller import ExportCaller


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def caller(running: Sandbox) -> Iterator[ExportCaller]:
    running.control.reset()
    caller = ExportCaller(running)
    yield caller
    caller.close()


@pytest.fixture
def twin(caller: ExportCaller) -> ExportServiceControl:
    return caller.sandbox.control.export_service
