"""Layers import downwards only: each import contract holds, and each was seen to break."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "providers", "warehouse", "resources", "assets", "pipelines", "sandbox")
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the tree in `folder`."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def copy_of_the_project(folder: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "data", "*.zst"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


PROVIDERS = sorted(folder.parent.name for folder in (ROOT / "providers").glob("*/spec.py"))
INSIDES = "Assets know facts about a provider, not its insides"
CIRCLES = "No circle among the modules of a package"
BREACHES = [
    ("Layers import downwards only", "domain/window.py", "import pipelines"),
    ("Dagster stays in its layer", "providers/_http.py", "import dagster"),
    ("SQL stays in the warehouse", "assets/factory.py", "import sqlalchemy"),
    ("HTTP is spoken in one place", "providers/export_service/client.py", "import httpx"),
    ("One module listens to websockets", "providers/_http.py", "import websockets"),
    *((INSIDES, "assets/factory.py", f"import providers.{provider}.normalize") for provider in PROVIDERS),
    (INSIDES, "assets/factory.py", "import providers._http"),
    ("The sandbox imports nothing but domain", "sandbox/server.py", "import warehouse"),
    (CIRCLES, "domain/records.py", "import domain.measurement"),
    (CIRCLES, "domain/registers/days.py", "import domain.registers.intervals"),
    (CIRCLES, "assets/source.py", "import assets.factory"),
    (CIRCLES, "pipelines/components/attributes.py", "import pipelines.components.source"),
    (CIRCLES, "pipelines/local/processes.py", "import pipelines.cli.days"),
    (CIRCLES, "sandbox/faults.py", "import sandbox.disturbance"),
    (CIRCLES, "sandbox/voltstorage/stream.py", "import sandbox.voltstorage.twin"),
    (CIRCLES, "resources/endpoint.py", "import resources.session"),
    (CIRCLES, "resources/order_worker.py", "import resources.servitly"),
    (CIRCLES, "providers/_http.py", "import providers.climkit.client"),
    (CIRCLES, "providers/climkit/wire.py", "import providers.climkit.normalize"),
    (CIRCLES, "warehouse/statements.py", "import warehouse.store"),
]


def test_every_contract_has_a_breach_to_prove_it() -> None:
    assert {contract for contract, _, _ in BREACHES} == set(CONTRACTS)
    assert len(PROVIDERS) == 5


@pytest.mark.timeout(180)
def test_the_house_stands() -> None:
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("contract", "file", "line"), BREACHES, ids=lambda text: text.removeprefix("import "))
def test_a_forbidden_import_breaks_its_contract(contract: str, file: str, line: str, tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    with (project / file).open("a") as module:
        module.write(f"\n{line}\n")
    outcome = lint(project)
    assert outcome.returncode != 0
    assert f"{contract} BROKEN" in outcome.stdout, outcome.stdout
