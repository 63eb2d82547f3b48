import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def dry_run(*arguments: str) -> str:
    """The commands that make would run, with an environment that counts as ready."""
    command = ["make", "--dry-run", "--no-print-directory", f"--old-file={'.venv/.ready'}", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"MAKEFLAGS": ""}, capture_output=True, text=True, check=True, timeout=30
    ).stdout


def test_ci_runs_make_test_and_nothing_else_of_make() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert [
        line for line in script.splitlines() if "make " in f"{line} " and "apt" not in line and "#" not in line
    ] == [
        "command -v make >/dev/null || missing+=(make)",
        "make test",
    ]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "set -euo pipefail" in script


@pytest.mark.parametrize("tool", ["ruff check", "ruff format --check", "mypy", "lint-imports", "pytest -n 3"])
def test_make_test_calls_every_tool(tool: str) -> None:
    assert tool in dry_run("test")


def test_make_demo_once_ends_after_the_summary() -> None:
    assert "--once" in dry_run("demo", "ONCE=1")
    assert "--once" not in dry_run("demo")


def test_make_clean_leaves_the_data_unless_it_is_named() -> None:
    assert "rm -rf .joulehouse" not in dry_run("clean")
    assert "rm -rf .joulehouse" in dry_run("clean", "DATA=1")
    assert "warehouse remove" not in dry_run("clean")
    assert "joulehouse stop && .venv/bin/joulehouse warehouse remove --yes" in dry_run("clean", "DATA=1")


def test_make_clean_stops_everything_first() -> None:
    commands = dry_run("clean")
    assert commands.index("joulehouse stop") < commands.index("rm -rf .venv")


def test_make_clean_deletes_nothing_that_it_cannot_stop(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (tmp_path / ".joulehouse" / "warehouse").mkdir(parents=True)
    outcome = subprocess.run(
        ["make", "clean", "DATA=1"],
        cwd=tmp_path,
        env=os.environ | {"MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert outcome.returncode != 0
    assert "make venv, then make clean again" in outcome.stderr
    assert (tmp_path / ".joulehouse" / "warehouse").is_dir()


@pytest.mark.parametrize("target", ["demo", "test", "prove", "bench", "ui", "lint", "clean"])
def test_make_says_what_every_target_does(target: str) -> None:
    assert f"make {target} " in dry_run("help").replace("\\n", "") or any(
        line.startswith(f"{target}:") and "## " in line for line in (ROOT / "Makefile").read_text().splitlines()
    )


def test_a_python_of_the_wrong_age_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for file in ("Makefile", "requirements-build.lock", "requirements-dev.lock", "pyproject.toml"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    outcome = subprocess.run(
        ["make", "venv", f"PYTHON={old}"],
        cwd=tmp_path,
        env=os.environ | {"MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert outcome.returncode != 0
    assert f"No Python 3.11, 3.12 or 3.13 with venv and pip (tried: {old})" in outcome.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.timeout(120)
def test_make_prove_finds_proofs_and_the_demo_is_among_them() -> None:
    command = next(line.strip() for line in (ROOT / "Makefile").read_text().splitlines() if "-m prove" in line)
    arguments = command.removeprefix("$(BIN)/pytest").split()
    assert not set(arguments) - {"-m", "prove"}, "it proves all that there is"
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *arguments, "tests/pipelines/cli"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert collected.returncode == 0, collected.stdout + collected.stderr
    assert "test_demo_proofs.py::test_no_secret_of_the_demo_is_in_any_log_event_table_or_file" in collected.stdout
