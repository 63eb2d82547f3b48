"""The example of CONTRIBUTING is taken at its word: its files, put into a copy of the project, are a provider."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resources.settings import PROJECT

PACKAGES = ("assets", "domain", "pipelines", "providers", "resources", "warehouse")
PAPER = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
FILES = ("resources/acme.py", "pipelines/components/acme.py", "pipelines/components/acme.template.yaml")
SOURCE = """\
import sys
from contextlib import closing
from domain.errors import ConfigurationError
from domain.window import Window
from pipelines.sources import read_sources
from resources.settings import Settings

[source] = [one for one in read_sources() if one.facts.slug == "works"]
known = {"WORKS_CLIENT_ID": "me", "WORKS_CLIENT_SECRET": "hunter2"}
with closing(source.open(Settings({}))) as provider:
    print(list(provider.normalize([], Window.of_day(source.facts.first_day))))
    try:
        provider.fingerprint
    except ConfigurationError as error:
        print(error)
with closing(source.open(Settings(known))) as provider:
    print(len(provider.fingerprint), provider.n_requests)
"""


def code_under(file: str) -> str:
    """The first block of code of CONTRIBUTING after `file` is named at the beginning of a line or sentence."""
    language = "yaml" if file.endswith("yaml") else "python"
    after = PAPER[PAPER.index("### The Dagster layer of a provider") :]
    block = re.search(rf"```{language}\n(.*?)```", after[after.index(f"`{file}`") :], re.DOTALL)
    assert block is not None
    return block[1]


def under_acmes_name(text: str) -> str:
    return text.replace("export_service", "acme").replace("ExportService", "Acme")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house with one more provider, whose folder is that of the Export Service under another name."""
    top = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, top / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "workspace.yaml", "README.md"):
        shutil.copy(PROJECT / file, top / file)
    shutil.copytree(top / "providers/export_service", top / "providers/acme")
    for path in (top / "providers/acme").glob("*.py"):
        path.write_text(under_acmes_name(path.read_text("utf-8")), "utf-8")
    for file in FILES:
        (top / file).write_text(code_under(file), "utf-8")
    names = top / "pipelines/components/__init__.py"
    with_one_more = names.read_text("utf-8").replace("__all__ = [", '__all__ = ["AcmeSource", ')
    names.write_text(f"{with_one_more}\nfrom pipelines.components.acme import AcmeSource\n", "utf-8")
    return top


def run(house: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(house), "PYTHONPATH": str(house), "COLUMNS": "200"}
    return subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_example_is_a_provider(house: Path) -> None:
    dg = str(Path(sys.executable).parent / "dg")
    scaffolded = run(house, dg, "scaffold", "defs", "pipelines.components.AcmeSource", "works")
    assert scaffolded.returncode == 0, scaffolded.stderr
    text = (house / "assets/works/defs.yaml").read_text("utf-8")
    assert "  client_id_env: WORKS_CLIENT_ID\n" in text
    assert "  # Another address than https://api.acme.example, " in text
    checked = run(house, dg, "check", "defs")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    ran = run(house, sys.executable, "-W", "ignore", "-c", SOURCE)
    nothing, sentence, connected = ran.stdout.splitlines() or [ran.stderr, "", ""]
    assert nothing == "[]"
    assert sentence.startswith("the environment variable WORKS_CLIENT_ID is not set (works, assets/works/defs.yaml)")
    assert connected == "64 0"


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".py")])
def test_the_example_is_written_as_the_house_is(house: Path, file: str) -> None:
    ruff = str(Path(sys.executable).parent / "ruff")
    for command in ("check", "format"):
        checked = run(house, ruff, command, *(["--check"] if command == "format" else []), "--no-cache", file)
        assert checked.returncode == 0, checked.stdout
