"""`joulehouse demo` as a person runs it: a process of its own, a home of its own, the package cache of everybody."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.local.processes import Process
from pipelines.local.project import Project
from resources.settings import PROJECT
from warehouse.embedded import EmbeddedWarehouse

PROGRAM = str(Path(sys.executable).with_name("joulehouse"))


@dataclass
class Demo:
    """A demo that runs, or has run.

    Attributes:
        home: Where it keeps its files.
        lines: What it has said so far.
        url: Where its UI is; empty when it does not stay open.
    """

    home: Path
    lines: list[str] = field(default_factory=list)
    url: str = ""

    def table(self) -> dict[str, dict[str, str]]:
        """The table of what was loaded: source → column → figure."""
        rows = [line.strip("│┃ \n") for line in self.lines if line.startswith(("│", "┃"))]
        header, *body = ([cell.strip() for cell in row.replace("┃", "│").split("│")] for row in rows)
        return {cells[0]: dict(zip(header, cells, strict=True)) for cells in body}

    def facts(self, name: str) -> dict[str, Any]:
        """What it keeps in its home under `name`."""
        found: dict[str, Any] = json.loads((self.home / f"{name}.json").read_text())
        return found


def environment_of(home: Path, **more: str) -> dict[str, str]:
    """A person's environment, without an account of any provider."""
    named = {variable for source in Project().sources() for variable in source.sandbox_binding.variables}
    apart = {"WAREHOUSE_URL", "LANDING_URL", "JOULEHOUSE_FIRST_DAY", "JOULEHOUSE_REQUESTS_PER_MINUTE", *named}
    mine = {name: value for name, value in os.environ.items() if name not in apart}
    return mine | {"JOULEHOUSE_HOME": str(home), "COLUMNS": "200"} | more


def sources() -> list[str]:
    """The sources that ship."""
    return [source.slug for source in Project().sources()]


def providers() -> dict[str, set[str]]:
    """Every provider that is built → the sources that ship of it."""
    built = [spec.parent.name for spec in (PROJECT / "providers").glob("*/spec.py")]
    shipped = [(source.component.facts.spec.slug, source.slug) for source in Project().sources()]
    return {name: {source for provider, source in shipped if provider == name} for name in built}


def addresses() -> list[tuple[str, str]]:
    """Of every source that ships the variable of its provider's address: source and name."""
    return [(source.slug, next(iter(source.sandbox_binding.addresses))) for source in Project().sources()]


@contextmanager
def clean_home(home: Path, cache: Path) -> Iterator[Path]:
    """`home`, in which nothing is left running afterwards, whatever happened, and no server is left lying about."""
    try:
        yield home
    finally:
        for name in ("sandbox", "dagster-daemon", "dagster-webserver", "dagster-code-server"):
            Process(name, home / "run").stop()
        EmbeddedWarehouse(home, cache=cache).remove()


def lines_until(text: str, process: subprocess.Popen[str]) -> list[str]:
    """What it prints, to the line that holds `text`."""
    lines: list[str] = []
    assert process.stdout is not None
    for line in iter(process.stdout.readline, ""):
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError("".join(lines))


@contextmanager
def opened(words: Sequence[str], environment: dict[str, str], text: str) -> Iterator[list[str]]:
    """What a command prints to the line that holds `text`; it stays open until the block ends, by Ctrl-C."""
    with subprocess.Popen(
        [PROGRAM, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield lines_until(text, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=90)


@contextmanager
def open_demo(home: Path, days: int) -> Iterator[Demo]:
    """A demo that has verified everything and keeps its UI open until the block ends."""
    with opened(["demo", "--days", str(days)], environment_of(home), "The asset graph:") as lines:
        yield Demo(home, lines, lines[-1].split()[-1])
