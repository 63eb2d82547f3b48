"""Which raw data are no counter's readings: a load curve, whose values are amounts of one interval each.

The document allows both and marks neither, and a curve that is read as a counter would be one reset after another. So
the account may say which meters send a curve; of the others, what falls as no counter does is read as nothing at all.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

_LEAST: Final = 4  # changes, before anything is concluded from them
_SHARE: Final = 4
_MOST_ZEROS: Final = 4  # of this many readings fewer than one is 0 where a counter only reads it for a moment

Floats = npt.NDArray[np.float64]


def falls_like_no_counter(values: Floats) -> bool:
    """Whether a quarter of all changes go down, and together further than the highest value is high.

    A counter that jitters while nothing is used falls often, but not far. One that is reset, exchanged or rolls over
    falls far, but once. One that reads 0 for a moment, perhaps often, goes on where it was: where both explanations
    fit, it is a counter.

    Args:
        values: What was read of one field, in the order of time.
    """
    read = values[np.isfinite(values)]
    rest = read[read != 0]
    if (len(read) - len(rest)) * _MOST_ZEROS < len(read) and bool((np.diff(rest) >= 0).all()):
        return False
    changes = np.diff(read)
    changes = changes[changes != 0]
    falls = -changes[changes < 0]
    return bool(
        len(changes) >= _LEAST and len(falls) * _SHARE >= len(changes) and falls.sum() > np.abs(read).max(initial=0.0)
    )
