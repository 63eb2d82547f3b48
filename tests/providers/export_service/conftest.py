"""What every test of the Export Service may ask for."""

from collections.abc import Iterator

import pytest

from tests.providers.export_service.harness import Hub, hub, minutes


@pytest.fixture
def served() -> Iterator[Hub]:
    """A provider over 35 documents, ten to a page."""
    with hub(minutes(35)) as made:
        yield made
