"""A slug is the name of assets, steps, a resource, a job and a schedule: what cannot be all of these is refused."""

import builtins
import keyword

import dagster as dg
import pytest
from dagster._core.definitions.utils import DISALLOWED_NAMES

from assets.checks import source_checks
from assets.factory import source_assets
from pipelines.components.mistakes import Mistake
from pipelines.components.slugs import checked_slug
from pipelines.schedules import checks_job, checks_schedule, source_job, trailing_schedule
from pipelines.sensors import failed_days, retirement_sensor
from tests.fakes.days import facts
from tests.fakes.provider import FakeProvider
from tests.fakes.warehouse import FakeWarehouse

OF_THE_HOUSE = {"checks", "failed_days", "house", "retirements", "warehouse"}
OF_DAGSTER = {word for word in {*keyword.kwlist, *DISALLOWED_NAMES, "io_manager"} if word == word.lower()}
SUSPECT = {
    "id",
    "a",
    "asset",
    "default",
    "self",
    "count",
    "index",
    "match",
    "case",
    "execution",
    "loggers",
    "ops",
    "values",
}
SUSPECT |= {"catalogue", "payloads", "measurements", "day", "factory", "resources", "job", "none", "true"}
SUSPECT |= {word for word in dir(builtins) if word.isalpha() and word.islower()}


def location(*slugs: str) -> dg.RepositoryDefinition:
    """A code location with these sources and all that they share."""
    shared = dg.Definitions(
        resources={"warehouse": dg.ResourceDefinition.hardcoded_resource(FakeWarehouse())},
        jobs=[checks_job()],
        schedules=[checks_schedule()],
        sensors=[failed_days, retirement_sensor([])],
        executor=dg.in_process_executor,
    )
    each = []
    for slug in slugs:
        of = facts(slug)
        job = source_job(of)
        schedule = trailing_schedule(of, job)
        assert schedule is not None
        each.append(
            dg.Definitions(
                assets=source_assets(of),
                asset_checks=[source_checks(of)],
                jobs=[job],
                schedules=[schedule],
                resources={slug: dg.ResourceDefinition.hardcoded_resource(FakeProvider())},
            )
        )
    known = dg.Definitions.merge(shared, *each)
    dg.Definitions.validate_loadable(known)
    repository = known.get_repository_def()
    repository.load_all_definitions()
    return repository


def is_refused(slug: str) -> bool:
    try:
        checked_slug(slug)
    except Mistake:
        return True
    return False


@pytest.mark.parametrize("slug", sorted(OF_THE_HOUSE))
def test_the_name_of_a_part_of_the_house_is_no_source(slug: str) -> None:
    with pytest.raises(Mistake, match=f"'{slug}' is a name that this project uses itself"):
        checked_slug(slug)


@pytest.mark.parametrize("slug", sorted(OF_DAGSTER))
def test_a_word_of_dagster_or_python_is_no_source(slug: str) -> None:
    with pytest.raises(Mistake, match=f"'{slug}' is a word of Dagster or Python"):
        checked_slug(slug)


def test_every_other_word_that_looks_dangerous_is_a_source_to_dagster() -> None:
    allowed = sorted(slug for slug in SUSPECT if not is_refused(slug))
    assert {"match", "count", "print"} <= set(allowed)
    names = location(*allowed).job_names
    assert set(allowed) <= set(names)


def test_a_source_may_be_called_like_a_part_of_another_one() -> None:
    slugs = ["roof", "roof_days", "roof_catalogue", "roof_checks", "roof_measurements"]
    assert not any(is_refused(slug) for slug in slugs)
    assert set(slugs) <= set(location(*slugs).job_names)
