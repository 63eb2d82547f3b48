"""Names are the field's own words: identifiers that were renamed once do not come back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("assets", "domain", "pipelines", "providers", "resources", "sandbox", "warehouse")
REFUSED = {
    *("Access", "Account", "Answer", "Line", "Question", "Verdict", "adopts", "courier", "courses", "dispatch"),
    *("given", "go_through", "held", "intake", "keepsake", "left_out", "made", "odd", "open_house", "orchestra"),
    *("overheard", "owed", "pace", "recalled", "rest", "said", "settle", "settles_after", "speech", "stretches"),
    *("told", "unconfirmed", "unloaded_pull", "verdicts", "walk", "witness"),
}
ORDINARY = {"left_out", "odd", "rest", "verdicts"}
"""Of a variable they say what is meant everywhere: what remains, what `defs.yaml` calls so, how days were judged."""


def names(text: str) -> Iterator[tuple[str, int]]:
    """Every function, class, parameter and variable of a module that has a name which was given up, with its line."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name) if is_refused(name):
                yield name, node.lineno
            case ast.Name(id=name, ctx=ast.Store()) if is_refused(name.lower()) and name.strip("_") not in ORDINARY:
                yield name, node.lineno


def is_refused(name: str) -> bool:
    return name.strip("_") in REFUSED


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_class_parameter_variable_or_module_has_a_name_that_was_given_up(package: str) -> None:
    modules = [path for path in (ROOT / package).rglob("*.py") if "versions" not in path.parts]
    found = [f"{path.relative_to(ROOT)}: {path.stem}" for path in modules if is_refused(path.stem)]
    for path in modules:
        found += [f"{path.relative_to(ROOT)}:{line}: {name}" for name, line in names(path.read_text("utf-8"))]
    assert found == [], "the dictionary's first column has the word that is used instead"


def test_such_a_name_is_seen_as_function_class_parameter_and_variable() -> None:
    text = "class Line:\n    def told(self, said):\n        held = said\n        rest = self.rest\n\n\n_MADE = 1\n"
    assert {name for name, _ in names(text)} == {"Line", "told", "said", "held", "_MADE"}
