"""What a source may be called."""

import keyword
import re
from typing import Final

# The words that Dagster refuses as a name have no public name themselves in 1.13.27.
from dagster._core.definitions.utils import DISALLOWED_NAMES

from pipelines.components.mistakes import Mistake
from pipelines.postponed import POSTPONED
from pipelines.schedules import CHECKS
from pipelines.sensors import RETIREMENTS, failed_days

_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_SLUG: Final = 40  # job, pool and schedule names are made of it
_RESERVED_HERE: Final = frozenset({"house", "warehouse", CHECKS, failed_days.name, POSTPONED, RETIREMENTS})
_RESERVED_BY_DAGSTER: Final = frozenset({*DISALLOWED_NAMES, *keyword.kwlist, "io_manager"})


def checked_slug(slug: str) -> str:
    """`slug`, if it is a valid name of a source.

    Raises:
        Mistake: It is not.
    """
    if not _SLUG.fullmatch(slug) or len(slug) > _LONGEST_SLUG:
        raise Mistake(
            f"{slug!r} cannot be the name of a source", "use small letters, digits and single underscores, at most 40"
        )
    if slug in _RESERVED_HERE:
        raise Mistake(
            f"{slug!r} is a name that this project uses itself", "choose another name for the folder or the slug"
        )
    if slug in _RESERVED_BY_DAGSTER:
        raise Mistake(f"{slug!r} is a word of Dagster or Python", "choose another name for the folder or the slug")
    return slug
