"""`make bench`: everything that is promised of speed and memory, as ratios, in one run."""

from tests.bench import gaps, loader, reading, summaries, whole_way
from tests.bench.rooms import say


def main() -> int:
    """Run every measurement; 0 if every promise holds."""
    kept = [loader.main(), summaries.main(), gaps.main(), reading.main(), whole_way.main()]
    say("every promise holds" if all(kept) else "a promise does not hold")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    raise SystemExit(main())
