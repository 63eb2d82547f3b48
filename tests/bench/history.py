"""The figures of every recorded run: `docs/performance.csv`, and what `docs/performance.md` shows of them.

`make bench RECORD=1` adds a run. Nothing is edited by hand: reasons why a promise is not reached stand here.
"""

import csv
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from os import cpu_count, getloadavg
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
_BUSY: Final = (
    "the twin, the worker and the server share two processors, so that what overlaps gains less than it would; and runs"
    " cost the server a fifth more processor time than all points in order"
)
LIMITS: Final[Mapping[str, str]] = {
    "whole way: first load / page to commit": _BUSY,
    "whole way: build before / page to commit": _BUSY,
    "replay: Smart House, JSON": (
        "a change of state is an object of five texts, 210 bytes of JSON: unpacking, cutting and parsing take"
        " 1.5 of its 3.1 µs, and a point of the Export Service takes 0.9 from the answer to the commit"
    ),
    "small run: by the daemon / build before": (
        "all but a hundredth is the run's own process: it imports Dagster, 0.6 of 2.6 s, before a module of ours can"
        " keep the garbage collector from that (ADR 0042); Dagster adds four processes that copy its output"
    ),
    "year: first run's start to last commit / requests and loads": (
        "between its twelve runs lie 126 of 438 s: Dagster's queue looks every five seconds, and each run takes six to"
        " ask for the first time where others use both processors; without them it is 1.21"
    ),
    "idle: share of a processor": (
        "Dagster's own loops. By threads, over 100 s: of the daemon's 1.0 % its sensors are 0.6 (twelve rounds and nine"
        " looks of ours a minute), its other loops 0.4; the code server says each second who it is, to the daemon and"
        " the webserver, on a connection of its own each, through two processes. With `--fixed-server-id` one would do,"
        " but pages that are open would not see a reload"
    ),
    "replay: VoltStorage, JSON, memory / answer": "beside the answer, which is 1.0, 13 MiB whatever its size",
}
"""Line → what stands in the way, as measured."""

_SHOWN: Final = 8  # runs of a line in its plot


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of one run; `promised` is empty where it is only shown."""

    taken_at: str
    commit: str
    machine: str
    line: str
    figure: float
    unit: str
    promised: str
    holds: str


_NOTED: Final[list[Figure]] = []


def note(line: str, figure: float, unit: str = "", promised: str = "", *, holds: bool | None = None) -> None:
    """Remember a figure of this run."""
    said = "" if holds is None else "yes" if holds else "no"
    _NOTED.append(Figure("", "", "", line, round(figure, 3), unit, promised, said))


def record() -> None:
    """Add this run to the history, and write the page anew."""
    git = shutil.which("git") or "git"
    done = subprocess.run([git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    commit, machine, now = done.stdout.strip(), _machine(), f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    known = [*_read(), *(replace(one, taken_at=now, commit=commit, machine=machine) for one in _NOTED)]
    with (DOCS / "performance.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Figure)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(figure) for figure in known)
    (DOCS / "performance.md").write_text(_page(known))


def _read() -> list[Figure]:
    path = DOCS / "performance.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Figure(taken, commit, machine, line, float(figure), unit, promised, holds)
            for taken, commit, machine, line, figure, unit, promised, holds in list(csv.reader(file))[1:]
        ]


def _machine() -> str:
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return f"{cpu_count()} x {model.group(1) if model else platform.machine()}, load average {getloadavg()[0]:.0f}"


def _page(known: list[Figure]) -> str:
    by_line: dict[str, list[Figure]] = {}
    for figure in known:
        by_line.setdefault(figure.line, []).append(figure)
    rows = []
    for line, runs in by_line.items():
        last = runs[-1]
        promised = f"{last.promised}{': **not reached**' if last.holds == 'no' else ''}" if last.promised else ""
        why = LIMITS.get(line, "") if last.holds == "no" else ""
        rows.append(
            f"| {line} | {last.figure:,g} {last.unit} | {promised} | {_plot(runs[-_SHOWN:])}"
            f" | {last.taken_at}, {last.commit} | {why} |"
        )
    machines = sorted({(figure.taken_at[:10], figure.machine) for figure in known})
    return "\n".join(
        [
            "# Performance",
            "",
            "Made by `make bench RECORD=1`, and never by hand; all runs are in [performance.csv](performance.csv).",
            "Seconds are this machine's, ratios are of one run on it. Bars: the last runs, the oldest first, from 0.",
            "",
            "| line | last | promised | runs | when, commit | what stands in the way |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "Machines: " + "; ".join(f"{day}: {machine}" for day, machine in machines) + ".",
            "",
        ]
    )


def _plot(runs: list[Figure]) -> str:
    """A bar for each run, of eight heights."""
    most = max((run.figure for run in runs), default=0) or 1.0
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(run.figure / most * 8))] for run in runs)
