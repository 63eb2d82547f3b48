"""How many days the demo takes of each source."""

from datetime import timedelta

import pytest

from pipelines.cli.ui import _days_of
from pipelines.console import today
from pipelines.local.project import Project, Source


@pytest.mark.parametrize("source", Project().sources(), ids=lambda source: source.slug)
def test_of_a_provider_that_counts_requests_the_demo_takes_one_widest_window_at_most(source: Source) -> None:
    spec = source.component.facts.spec
    days = _days_of(source, 60)
    expected = 60 if spec.requests_per_second is None else min(60, max(1, spec.max_window.days))
    assert len(days) == expected
    assert days[-1] == today() - timedelta(days=1)
    assert len(_days_of(source, 1)) == 1
