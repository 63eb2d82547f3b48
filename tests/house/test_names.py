"""Names are the field's own words: identifiers that were renamed once do not come back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("assets", "domain", "pipelines", "providers", "resources", "sandbox", "warehouse")
REFUSED = {
    *("Access", "Account", "Line", "Verdict", "adopts", "courier", "dispatch", "given", "go_through", "held", "intake"),
    *(
        "keepsake",
        "left_out",
        "made",
        "odd",
        "open_house",
        "orchestra",
        "overheard",
        "owed",
        "pace",
        "recalled",
        "rest",
    ),
    *("said", "settle", "settles_after", "speech", "stretches", "told", "unconfirmed", "unloaded_pull", "verdicts"),
    *("walk", "witness"),
}


def identifiers(text: str) -> Iterator[tuple[str, int]]:
    """Every function, class and parameter of a module, with its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno


def refused(name: str) -> bool:
    return name.strip("_") in REFUSED


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_class_parameter_or_module_has_a_name_that_was_given_up(package: str) -> None:
    modules = [path for path in (ROOT / package).rglob("*.py") if "versions" not in path.parts]
    found = [f"{path.relative_to(ROOT)}: {path.stem}" for path in modules if refused(path.stem)]
    for path in modules:
        known = identifiers(path.read_text("utf-8"))
        found += [f"{path.relative_to(ROOT)}:{line}: {name}" for name, line in known if refused(name)]
    assert found == [], "the dictionary's first column has the word that is used instead"


def test_such_a_name_is_seen_as_function_class_and_parameter() -> None:
    text = "class Line:\n    def told(self, said): ...\n"
    assert [name for name, _ in identifiers(text) if refused(name)] == ["Line", "told", "said"]
