"""A rule that is waived somewhere is half a rule: of each kind there are as many as stand here, and never more."""

import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMENTS = {
    "noqa": re.compile(r"#\s*noqa\b(?::\s*([A-Z]+\d+(?:,\s*[A-Z]+\d+)*))?", re.IGNORECASE),
    "type: ignore": re.compile(r"#\s*type:\s*ignore\b"),
    "fmt: skip": re.compile(r"#\s*fmt:\s*(?:skip|off)\b"),
    "no cover": re.compile(r"#\s*pragma:\s*no cover\b"),
}
EXPECTED = {
    "noqa in packages": 76,
    "noqa in tests": 33,
    "type: ignore in packages": 5,
    "type: ignore in tests": 8,
    "fmt: skip in packages": 14,
    "fmt: skip in tests": 39,
    "no cover in packages": 1,
    "rules of ruff that are ignored": 17,
    "rules of ruff that are ignored in some files": 22,
    "modules without types": 15,
    "imports that a contract lets pass": 3,
    "warnings that are no errors": 6,
}
"""Write a smaller number here when a waiver has gone. Who needs one more gives up another one of its kind."""


def in_comments(text: str) -> Counter[str]:
    """Kind → how many of it stand in a text; a `noqa` of several rules is several."""
    found: Counter[str] = Counter()
    for kind, pattern in COMMENTS.items():
        for match in pattern.finditer(text):
            found[kind] += match[1].count(",") + 1 if pattern.groups and match[1] else 1
    return found


def in_settings() -> Counter[str]:
    """Kind → how many of it stand in `pyproject.toml`."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    ruff = tools["ruff"]["lint"]
    untyped = [one["module"] for one in tools["mypy"]["overrides"]]
    return Counter(
        {
            "rules of ruff that are ignored": len(ruff["ignore"]),
            "rules of ruff that are ignored in some files": sum(map(len, ruff["per-file-ignores"].values())),
            "modules without types": sum(1 if isinstance(one, str) else len(one) for one in untyped),
            "imports that a contract lets pass": sum(
                len(contract.get("ignore_imports", ())) for contract in tools["importlinter"]["contracts"]
            ),
            "warnings that are no errors": sum(
                one.startswith("ignore") for one in tools["pytest"]["ini_options"]["filterwarnings"]
            ),
        }
    )


def test_of_no_kind_of_waiver_there_are_more_than_there_were() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = in_settings()
    for path in map(Path, listed.splitlines()):
        if path != Path(__file__).relative_to(ROOT) and (ROOT / path).exists():
            where = "tests" if path.parts[0] == "tests" else "packages"
            for kind, number in in_comments((ROOT / path).read_text("utf-8")).items():
                found[f"{kind} in {where}"] += number
    assert dict(found) == EXPECTED, "give one up for each that is more; write the smaller number where there are fewer"


@pytest.mark.parametrize(
    ("comment", "kind", "number"),
    [
        ("# noqa: S101", "noqa", 1),
        ("#noqa", "noqa", 1),
        ("# NOQA: S101, SLF001  # why", "noqa", 2),
        ("# type: ignore[misc]  # why", "type: ignore", 1),
        ("# fmt: off", "fmt: skip", 1),
        ("# pragma: no cover", "no cover", 1),
        ("# no rule is named here", "noqa", 0),
    ],
)
def test_a_waiver_is_seen_in_each_of_its_forms(comment: str, kind: str, number: int) -> None:
    assert in_comments(f"one = two  {comment}\n")[kind] == number
