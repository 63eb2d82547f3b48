"""The papers of the house agree with its code."""

import inspect
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from domain import errors
from domain.errors import IngestError
from domain.quantities import QUANTITIES
from domain.records import Reason

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
_LISTED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
TRACKED = [ROOT / name for name in _LISTED.splitlines()]
LOCKS = {
    "requirements.lock": 40,
    "requirements-build.lock": 2,
    "requirements-dev.lock": 40,
    "requirements-bench.lock": 40,
}
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
LOCKS |= {f"requirements-{extra}.lock": 2 for extra in EXTRAS}
PYTHON = [path for path in TRACKED if path.suffix == ".py" and path.exists()]


@pytest.mark.parametrize(
    "name",
    [name for name, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, IngestError)],
)
def test_every_error_is_a_heading_of_the_runbook(name: str) -> None:
    assert re.search(rf"^#+ {name}$", RUNBOOK, re.MULTILINE)


@pytest.mark.parametrize("reason", [reason.value for reason in Reason])
def test_every_reason_for_quarantine_is_in_the_runbook(reason: str) -> None:
    assert f"`{reason}`" in RUNBOOK


def test_every_dependency_has_its_reason_above_or_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    lines = [line.strip() for line in block.splitlines()[1:] if line.strip() not in ("", "]")]
    reasoned = False
    for line in lines:
        if line.startswith("#"):
            reasoned = True
        else:
            assert reasoned, f"{line} has no reason"


@pytest.mark.parametrize(("name", "n_least"), LOCKS.items())
def test_a_lock_pins_every_package_with_hashes_and_names_no_address(name: str, n_least: int) -> None:
    lock = (ROOT / name).read_text()
    pins = re.findall(r"^[a-z0-9][\w.\-\[\], ]*==\S+.*$", lock, re.MULTILINE | re.IGNORECASE)
    assert len(pins) >= n_least
    assert all(pin.endswith("\\") for pin in pins), "a pin without a hash"
    assert "://" not in lock


def test_the_locks_fit_the_project() -> None:
    dependencies = PYPROJECT["project"]["dependencies"]
    groups = PYPROJECT["dependency-groups"]
    for name, requirements in (
        ("requirements.lock", dependencies),
        ("requirements-build.lock", groups["build"]),
        ("requirements-dev.lock", dependencies + groups["dev"]),
        ("requirements-bench.lock", groups["bench"]),
        *((f"requirements-{extra}.lock", requirements) for extra, requirements in EXTRAS.items()),
    ):
        for requirement in requirements:
            package = re.split(r"[\[<>=~ ]", requirement)[0].lower()
            assert package in locked(name), f"{package} is not in {name}"


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile"])
def test_nothing_is_installed_but_from_a_lock_with_hashes(name: str) -> None:
    text = re.sub(r"\\\n\s*", " ", (ROOT / name).read_text())
    commands = [command for command in re.split(r"&&|\|\||;|\n", text) if re.search(r"\bpip install\b", command)]
    assert commands
    for command in commands:
        words = set(command.split())
        assert "--require-hashes" in words or {"--no-deps", "--no-build-isolation"} <= words, command


def test_our_own_package_is_built_with_a_locked_setuptools() -> None:
    build, runs = locked("requirements-build.lock"), locked("requirements.lock")
    assert build["setuptools"] == runs["setuptools"], "the image builds with that of requirements.lock"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_keeps_the_extras_without_which_pip_refuses_its_hashes(name: str) -> None:
    assert re.search(r"^gql\[requests\]==", (ROOT / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements.lock", *(f"requirements-{extra}.lock" for extra in EXTRAS)])
def test_what_is_tested_is_what_runs(name: str) -> None:
    runs, tests = locked(name), locked("requirements-dev.lock")
    assert {name: tests.get(name) for name in runs} == runs


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_renewed_with_the_other_locks_and_brings_nothing_that_the_rest_has_otherwise(extra: str) -> None:
    listed = re.search(r"^EXTRAS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed
    assert extra in listed[1].split()
    rest = locked("requirements.lock")
    pins = locked(f"requirements-{extra}.lock")
    assert {package: version for package, version in pins.items() if rest.get(package, version) != version} == {}


def locked(name: str) -> dict[str, str]:
    """Package → the version that a lock pins."""
    pins = re.findall(r"^([a-z0-9][\w.\-]*)(?:\[[\w,\- ]+\])?==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    return dict(pins)


@pytest.mark.parametrize("room", ["domain", "providers", "warehouse", "resources", "assets", "pipelines", "sandbox"])
def test_every_room_says_what_belongs_in_it_and_holds_no_code(room: str) -> None:
    text = (ROOT / room / "__init__.py").read_text()
    assert text.startswith('"""')
    assert text.rstrip().endswith('"""')


def test_a_module_is_read_in_one_sitting() -> None:
    long = {path.relative_to(ROOT): n for path in PYTHON if (n := len(path.read_text().splitlines())) > 400}
    assert not long


def test_no_module_is_named_for_what_it_is_not() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
    assert not [path for path in PYTHON if vague & set(path.stem.split("_"))]


def test_no_path_of_one_machine_stands_in_the_project() -> None:
    pattern = re.compile(r"(^|[^A-Za-z0-9_.])/(work|farm|root|home)/")
    guilty = [
        path.relative_to(ROOT)
        for path in TRACKED
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".lock", ""}
        and path.is_file()
        and path != Path(__file__).resolve()
        and pattern.search(path.read_text(errors="ignore"))
    ]
    assert not guilty


def test_the_dictionary_knows_the_words_of_the_contract() -> None:
    dictionary = (ROOT / "docs" / "dictionary.md").read_text()
    for word in ("provider", "source", "series", "window", "partition", "payload", "load", "pull", "quarantine"):
        assert f"**{word}**" in dictionary
    assert len(QUANTITIES) > 10


def test_every_link_in_the_papers_leads_somewhere() -> None:
    for paper in [path for path in TRACKED if path.suffix == ".md" and path.exists()]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", paper.read_text()):
            assert (paper.parent / target).exists(), f"{paper.relative_to(ROOT)} links to {target}"


FOLDERS = "assets|deploy|docs|domain|pipelines|providers|resources|sandbox|tests|warehouse"
NAMED = re.compile(rf"`((?:{FOLDERS})/[\w./-]+)(?:`|::)")


@pytest.mark.parametrize("paper", [path for path in TRACKED if path.suffix == ".md"], ids=lambda path: path.name)
def test_every_file_and_folder_that_a_paper_names_is_there(paper: Path) -> None:
    if paper.name == "CHANGELOG.md":  # it says what was there
        return
    named = {name.rstrip("/.") for name in NAMED.findall(paper.read_text())}
    assert {name for name in named if not (ROOT / name).exists() and "acme" not in name} == set()


def test_the_index_of_decisions_has_each_by_its_number_and_title() -> None:
    folder = ROOT / "docs" / "adr"
    titles = {path.name: path.read_text().splitlines()[0] for path in sorted(folder.glob("0*.md"))}
    indexed = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert {name: f"# {number}: {title}" for number, name, title in indexed} == titles
    assert all(name.startswith(number) for number, name, _ in indexed)


def test_ci_calls_exactly_make_test() -> None:
    lines = [line.strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()]
    assert [line for line in lines if line.startswith(("make", "exec make"))] == ["make test"]
