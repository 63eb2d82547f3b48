"""Every provider passes the suite, and none is forgotten."""

import importlib
from pathlib import Path

import pytest

import providers
from tests.providers.conformance import Case, Conformance, WidePulls

PROVIDERS = sorted(
    folder.name for folder in Path(providers.__file__).parent.iterdir() if (folder / "spec.py").is_file()
)


def case_of(slug: str) -> Case:
    found: Case = importlib.import_module(f"tests.providers.{slug}.case").CASE
    return found


@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_provider_has_a_case_and_says_how_its_documents_differ_from_the_truth(slug: str) -> None:
    folder = Path(__file__).parent / slug
    assert (folder / "case.py").is_file(), f"write tests/providers/{slug}/case.py"
    assert case_of(slug).spec.slug == slug
    said = importlib.import_module(f"providers.{slug}").__doc__ or ""
    for heading in ("Documented structure:", "Actual structure:", "Quirks"):
        assert heading in said, f"providers/{slug}/__init__.py says nothing under {heading!r}"


EVERY_CASE = pytest.mark.parametrize("case", [case_of(slug) for slug in PROVIDERS], ids=PROVIDERS, scope="class")


@EVERY_CASE
class TestProvider(Conformance):
    """The suite, once for each provider."""


@EVERY_CASE
class TestWidePulls(WidePulls):
    """Its second part."""
