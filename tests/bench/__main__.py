"""`make bench`: everything that is promised of speed and memory, as ratios, in one run; `SECTION=…`: a part of it."""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from tests.bench import definitions, gaps, history, loader, reading, replay, summaries, whole_way
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
}


def main(chosen: list[str]) -> int:
    """Run the measurements that are named, all if none is; 0 if every promise holds."""
    is_recorded = "--record" in chosen
    chosen = [name for name in chosen if name != "--record"]
    if unknown := set(chosen) - SECTIONS.keys():
        say(f"no section {', '.join(sorted(unknown))}: there are {', '.join(SECTIONS)}")
        return 2
    kept = [SECTIONS[name]() for name in chosen or SECTIONS]
    if is_recorded:
        history.record()
    say("every promise holds" if all(kept) else "a promise does not hold")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
