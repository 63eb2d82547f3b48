"""The coverage calendar: which series is complete on which day, the worst ones first, and the sum by group of devices.

It is drawn in a terminal by `joulehouse gaps --calendar`, and here as a picture beside the source's asset.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from warehouse.completeness import Completeness

MOST_SERIES: Final = 50
"""Series that have a row of their own."""

CALENDAR_DAYS: Final = 28
"""Days of the picture."""

COLOURS: Final = {
    "complete": "#2e9e5b",
    "partial": "#f2c037",
    "silent": "#d64541",
    "absent": "#f08a5d",
    "late": "#4a90d9",
    "unknown": "#b0b4bb",
    "not expected": "#f4f4f4",
}
"""Verdict → its colour in the picture."""

_MOST_GROUPS: Final = 10
LARGEST_BYTES: Final = 20_000
_LABEL: Final = 34  # characters of a name beside a row
_ROW: Final = 12  # pixels of a row
_LEFT: Final = 200  # pixels of the names beside them
_GRID: Final = 364  # and of the days
_WHOLE: Final = 0.999  # of what is expected: sums of shares are not exact
_HALF: Final = 0.5
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Series by days.

    Attributes:
        days: The days, in order.
        series: Key → its verdict on each day, empty where it has none; the series that lack most first.
        groups: Site, or the source → the share of its points that is there on each day; None where none are expected.
    """

    days: Sequence[date]
    series: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[float | None]]

    @classmethod
    def read(cls, completeness: "Completeness", source: str, first: date, last: date) -> "Calendar":
        """The calendar of a source."""
        days = [first + n * _DAY for n in range((last - first).days + 1)]
        series: dict[str, list[str]] = {}
        groups: dict[str, list[float | None]] = {}
        judged, shares = completeness.calendar(source, first, last, MOST_SERIES)
        for key, day, verdict, _ in judged:
            series.setdefault(key, [""] * len(days))[(day - first).days] = verdict
        for site, day, share in shares:
            groups.setdefault(site or source, [None] * len(days))[(day - first).days] = share
        return cls(days, series, groups)

    def png(self) -> bytes | None:
        """The calendar as a picture; None if nothing was judged."""
        if not self.series:
            return None
        # Drawn by Pillow itself: with matplotlib a picture took a second of processor time, in each run.
        from PIL import Image, ImageDraw, ImageFont

        series = [(key, [COLOURS.get(one, "#ffffff") for one in verdicts]) for key, verdicts in self.series.items()]
        groups = [
            (f"Σ {name}", [_shade(one) for one in shares]) for name, shares in islice(self.groups.items(), _MOST_GROUPS)
        ]
        lines = [*groups, *series]
        small, large = (ImageFont.truetype(_font(), size) for size in (8, 10))
        wide, top = max(1, _GRID // len(self.days)), 2 * _ROW
        bottom = top + len(lines) * _ROW
        image = Image.new("RGB", (_LEFT + _GRID + _ROW, bottom + 3 * _ROW), "#ffffff")
        draw = ImageDraw.Draw(image)
        title = f"{self.days[0]} to {self.days[-1]}, UTC: the series that lack most"
        draw.text((image.width // 2, _ROW), title, "#000000", large, anchor="mm")
        for row, (name, colours) in enumerate(lines):
            y = top + row * _ROW
            draw.text((_LEFT - 4, y + _ROW // 2), _label(name), "#000000", small, anchor="rm")
            for column, colour in enumerate(colours):
                x = _LEFT + column * wide
                draw.rectangle((x, y, x + max(0, wide - 2), y + _ROW - 3), colour)
        for column in range(0, len(self.days), 7):
            middle = _LEFT + column * wide + wide // 2
            draw.text((middle, bottom + _ROW // 2), f"{self.days[column]:%d %b}", "#000000", small, anchor="mm")
        words = [word for word in COLOURS if word != "not expected"]
        for place, word in enumerate(words):
            x, y = _ROW + place * (image.width - _ROW) // len(words), bottom + 2 * _ROW
            draw.rectangle((x, y - 4, x + 14, y + 3), COLOURS[word])
            draw.text((x + 18, y), word, "#000000", small, anchor="lm")
        png = io.BytesIO()
        image.quantize(64).save(png, "PNG", optimize=True)
        return png.getvalue()

    def markdown(self) -> str | None:
        """The picture as Markdown with the PNG inside; None if there is none, or it would be too large."""
        png = self.png()
        if png is None:
            return None
        image = f"![coverage](data:image/png;base64,{base64.b64encode(png).decode()})"
        return image if len(image) <= LARGEST_BYTES else None


def _shade(share: float | None) -> str:
    """From red, where nothing is there, over yellow to green."""
    if share is None:
        return COLOURS["not expected"]
    if share > _WHOLE:
        return COLOURS["complete"]
    return COLOURS["partial"] if share >= _HALF else COLOURS["silent"]


def _label(name: str) -> str:
    """A name as a row shows it: short, and in one line."""
    return " ".join(name.split()) if len(name) <= _LABEL else "…" + name[1 - _LABEL :]


@cache
def _font() -> Path:
    """DejaVu Sans, which comes with matplotlib, and knows Σ and letters of names; matplotlib is not imported."""
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(name="matplotlib")
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
