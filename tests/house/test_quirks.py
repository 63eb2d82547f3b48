"""The page of quirks names tests that exist, and no quirk stands there without one."""

import ast
import re
from pathlib import Path

import pytest

from sandbox.running import TWINS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "quirks.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def names_in(file: Path) -> set[str]:
    """The names of all tests in a file, those of classes included."""
    found = ast.walk(ast.parse(file.read_text("utf-8")))
    return {node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_test_that_is_named_exists() -> None:
    files = {name for name, _ in NAMED}
    known = {name: names_in(ROOT / name) if (ROOT / name).exists() else set() for name in files}
    assert [f"{name}::{test}" for name, test in NAMED if test not in known[name]] == []
    assert len(NAMED) > 200


def test_every_arrow_leads_to_a_test_and_every_quirk_has_one() -> None:
    quirks = re.split(r"(?m)^- ", PAGE)[1:]
    assert [quirk.splitlines()[0] for quirk in quirks if "→" not in quirk] == []
    assert PAGE.count("→") == len(re.findall(r"→ `tests/[\w/]+\.py::\w+`", PAGE))


@pytest.mark.parametrize("slug", sorted(twin.slug for twin in TWINS))
def test_every_provider_has_quirks(slug: str) -> None:
    title = {"export_service": "Export Service", "smart_house": "Smart House", "voltstorage": "VoltStorage"}
    assert f"\n## {title.get(slug, slug.title())}" in PAGE
