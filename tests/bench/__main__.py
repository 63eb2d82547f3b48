"""`make bench`: what is promised of speed and memory, in one run; `SECTION=…`: a part of it.

What takes longest is a part that must be named: a night, a year, and ten minutes without work.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from tests.bench import (
    definitions,
    gaps,
    history,
    idle,
    loader,
    night,
    reading,
    replay,
    small_run,
    summaries,
    whole_way,
    year,
)
from tests.bench.rooms import say

SECTIONS: Final[Mapping[str, Callable[[], bool]]] = {
    "loader": loader.main,
    "large_table": loader.main_large,
    "summaries": summaries.main,
    "definitions": definitions.main,
    "gaps": gaps.main,
    "reading": reading.main,
    "whole_way": whole_way.main,
    "memory": whole_way.main_memory,
    "replay": replay.main,
    "small_run": small_run.main,
}
LONG: Final[Mapping[str, Callable[[], bool]]] = {"idle": idle.main, "year": year.main, "night": night.main}
"""Parts of 12, 15 and 30 minutes, which are run by name alone."""


def main(chosen: list[str]) -> int:
    """Run the measurements that are named, all but the long ones if none is; 0 if every promise holds."""
    is_recorded = "--record" in chosen
    chosen = [name for name in chosen if name != "--record"]
    known = {**SECTIONS, **LONG}
    if unknown := set(chosen) - known.keys():
        say(f"no section {', '.join(sorted(unknown))}: there are {', '.join(known)}")
        return 2
    kept = [known[name]() for name in chosen or SECTIONS]
    if is_recorded:
        history.record()
    say("every promise holds" if all(kept) else "a promise does not hold")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
