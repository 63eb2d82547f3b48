from collections.abc import Iterator

import pytest

from sandbox.export_service.twin import ExportService
from sandbox.running import Sandbox, running_sandbox
from tests.sandbox.export_service.harness import ExportCaller


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def one_caller(running: Sandbox) -> Iterator[ExportCaller]:
    caller = ExportCaller(running)
    yield caller
    caller.close()


@pytest.fixture
def caller(one_caller: ExportCaller) -> ExportCaller:
    one_caller.sandbox.control.reset()
    one_caller.bearer = one_caller.fresh_bearer()
    return one_caller


@pytest.fixture
def twin(caller: ExportCaller) -> ExportService:
    return caller.sandbox.control.export_service
