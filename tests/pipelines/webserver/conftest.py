"""One UI for everybody, and one for viewers, on the same instance."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.test_utils import instance_for_test

from tests.fakes.guarded_ui import GuardedUI, guarded_ui


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with instance_for_test() as found:
        yield found


@pytest.fixture(scope="module")
def ui(instance: dg.DagsterInstance) -> Iterator[GuardedUI]:
    with guarded_ui(instance) as running:
        yield running


@pytest.fixture(scope="module")
def viewer(instance: dg.DagsterInstance) -> Iterator[GuardedUI]:
    with guarded_ui(instance, is_read_only=True) as running:
        yield running
