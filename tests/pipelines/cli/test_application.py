"""All commands together: the list of them, and each one by its name."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pipelines.cli.application import COMMANDS, application


def test_the_list_of_commands_imports_nothing_that_only_a_command_needs() -> None:
    heavy = "{'dagster', 'pandas', 'numpy', 'sqlalchemy', 'psycopg', 'httpx'}"
    program = f"import pipelines.cli, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_list_says_of_each_command_what_it_does() -> None:
    said = CliRunner().invoke(application, ["--help"]).stdout
    assert [line.split() for line in said.partition("Commands:\n")[2].splitlines()] == [
        [name, *short_help.split()] for name, (_, _, short_help) in COMMANDS.items()
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_found_by_its_name(name: str) -> None:
    said = CliRunner().invoke(application, [name, "--help"])
    assert said.exit_code == 0, said.output
    assert f" {name} [OPTIONS]" in said.stdout


def test_a_mistyped_command_is_answered_by_the_one_that_is_meant() -> None:
    said = CliRunner().invoke(application, ["backfil"])
    assert said.exit_code == 2
    assert "Did you mean 'backfill'?" in said.stderr
