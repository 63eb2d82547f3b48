"""A source of fakes in an ephemeral Dagster."""

from collections.abc import Iterator

import dagster as dg
import pytest

from tests.fakes.days import House, provider_of


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def house(instance: dg.DagsterInstance) -> House:
    return House(instance, provider_of(5))
