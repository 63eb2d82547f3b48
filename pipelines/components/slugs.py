"""What a source may be called: its slug is its resource, its job, its schedule and its pool."""

import keyword
import re
from typing import Final

# The words that Dagster refuses as a name have no public name themselves in 1.13.27.
from dagster._core.definitions.utils import DISALLOWED_NAMES

from pipelines.components.mistakes import Mistake
from pipelines.schedules import CHECKS
from pipelines.sensors import RETIREMENTS, failed_days

_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_OF_THE_HOUSE: Final = frozenset({"house", "warehouse", CHECKS, failed_days.name, RETIREMENTS})
_OF_DAGSTER: Final = frozenset({*DISALLOWED_NAMES, *keyword.kwlist, "io_manager"})


def checked_slug(slug: str) -> str:
    """`slug`, if it can name a source.

    Raises:
        Mistake: It cannot.
    """
    if not _SLUG.fullmatch(slug) or len(slug) > 40:  # noqa: PLR2004  # job, pool and schedule names are made of it
        raise Mistake(
            f"{slug!r} cannot be the name of a source", "use small letters, digits and single underscores, at most 40"
        )
    if slug in _OF_THE_HOUSE:
        raise Mistake(f"{slug!r} names a part of the house", "choose another name for the folder or the slug")
    if slug in _OF_DAGSTER:
        raise Mistake(f"{slug!r} is a word of Dagster or Python", "choose another name for the folder or the slug")
    return slug
