"""The coverage calendar: which series is complete on which day, the worst ones first, and the sum by group of devices.

It is drawn in a terminal by `joulehouse gaps --calendar`, and here as a picture beside the source's asset.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
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
        # Drawing is imported only when a picture is drawn: it costs half a second, and most processes draw none.
        from matplotlib.figure import Figure  # noqa: PLC0415  # see above
        from matplotlib.patches import Patch  # noqa: PLC0415  # see above
        from PIL import Image  # noqa: PLC0415  # matplotlib brings it

        series = [(key, [COLOURS.get(one, "#ffffff") for one in verdicts]) for key, verdicts in self.series.items()]
        groups = [
            (f"Σ {name}", [_shade(one) for one in shares]) for name, shares in islice(self.groups.items(), _MOST_GROUPS)
        ]
        lines = [*groups, *series]
        figure = Figure(figsize=(8.0, 1.3 + 0.16 * len(lines)), dpi=72, layout="constrained")
        axes = figure.add_subplot(1, 1, 1)
        for place, (_, colours) in enumerate(lines):
            axes.bar(range(len(colours)), 0.86, 0.94, [place - 0.43] * len(colours), color=colours, antialiased=False)
        axes.set_xlim(-0.5, len(self.days) - 0.5)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_yticks(range(len(lines)), [_label(name) for name, _ in lines], fontsize=6)
        ticks = range(0, len(self.days), 7)
        axes.set_xticks(ticks, [f"{self.days[n]:%d %b}" for n in ticks], fontsize=7)
        axes.set_frame_on(False)
        axes.tick_params(length=0)
        handles = [
            Patch(color=colour, label=verdict) for verdict, colour in COLOURS.items() if verdict != "not expected"
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=6, frameon=False)
        figure.suptitle(f"{self.days[0]} to {self.days[-1]}, UTC: the series that lack most", fontsize=8)
        drawn, png = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, format="png")
        Image.open(drawn).convert("RGB").quantize(64).save(png, "PNG", optimize=True)
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
    """A name as a row shows it: short, and with nothing that matplotlib would read as a formula."""
    shown = name if len(name) <= _LABEL else "…" + name[1 - _LABEL :]
    return shown.replace("$", r"\$")
