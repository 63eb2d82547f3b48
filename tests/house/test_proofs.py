"""`make prove` has something to prove."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(120)
def test_make_prove_finds_proofs_and_the_demo_is_among_them() -> None:
    command = next(line.strip() for line in (ROOT / "Makefile").read_text().splitlines() if "-m prove" in line)
    arguments = command.removeprefix("$(BIN)/pytest").split()
    assert not set(arguments) - {"-m", "prove"}, "it proves all that there is"
    collected = subprocess.run(  # noqa: S603 — our own tests
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *arguments, "tests/pipelines/cli"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert collected.returncode == 0, collected.stdout + collected.stderr
    assert "test_demo_proofs.py::test_no_secret_of_the_demo_is_in_any_log_event_table_or_file" in collected.stdout
