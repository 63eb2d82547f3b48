"""A picture of one day: small beside every loaded day in the UI, and large from `joulehouse plot`.

It watches the batches of a load go by and keeps a mean for every quarter of an hour, so that its memory does not grow
with the day. The small one is an SVG in Markdown that Dagster's UI shows as it is, where longer Markdown is folded
behind a button (ADR 0028); it lies in the event log with the day's other figures. Whatever goes wrong with it is a
warning, and costs the picture alone.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

import numpy as np

from domain.quantities import QUANTITIES

if TYPE_CHECKING:
    import pandas as pd

    from domain.measurement import Normalized

MOST_CHARACTERS: Final = 999
"""What Dagster's UI (1.13) shows of Markdown without a button in its place; more is folded."""

_BINS: Final = 96  # quarters of an hour
_BIN_US: Final = 15 * 60 * 1_000_000
_SERIES: Final = 6  # lines that an eye can tell apart, in each panel of the large picture
_PANELS: Final = 2
_SMALL: Final = ((2, 2), (2, 1), (1, 1))  # panels, and lines in each, of the small one: as many as fit
_POINTS: Final = 48  # of a line of the small picture: half hours
_STEP: Final = 8  # pixels between two of them
_HEIGHT: Final = 40  # pixels of its panel, below a line of text
_TEXT: Final = 14  # pixels of that
_COLOURS: Final = ("teal", "coral")  # to be seen on white and on black; a name needs no escape
_MOST_QUOTED: Final = 200  # characters of a foreign error's text in a sentence of ours
_SAFE: Final = "=:/',;"  # in an address inside of Markdown
_LABEL: Final = 28  # characters of a series' name that fit beside a line


class Pictures:
    """The small pictures of the days of a run: means of the one that is being loaded, and Markdown of those that were.

    Attributes:
        drawn: Day → its picture; a day without values has none.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.drawn: dict[date, str] = {}
        self._warn = warn
        self._watched: Picture | None = None

    def watch(self, day: date) -> Callable[["Normalized"], None]:
        """What sees the batches of `day`, which begins to be loaded."""
        self._watched = Picture(day, self._warn)
        return self._watched.add

    def draw(self, day: date) -> None:
        """Draw `day`, which is loaded, and forget its means."""
        if self._watched is not None and self._watched.day == day and (drawn := self._watched.markdown()):
            self.drawn[day] = drawn
        self._watched = None


class Picture:
    """The plot of one day as a load may watch it: an error while drawing is a warning, and never the day's.

    Args:
        day: The UTC day.
        warn: Where to say, in one sentence, that there will be no picture.
    """

    def __init__(self, day: date, warn: Callable[[str], None]) -> None:
        self.day = day
        self._warn = warn
        self._plot: DayPlot | None = DayPlot(day)

    def add(self, batch: "Normalized") -> None:
        """Take note of a batch on its way into the warehouse; never fails."""
        if self._plot is not None:
            try:
                self._plot.add(batch)
            except Exception as error:  # noqa: BLE001  # a load must not end for want of a picture
                self._give_up(error)

    def markdown(self) -> str | None:
        """See `DayPlot.markdown`; None as well where the picture cannot be had. Never fails."""
        if self._plot is not None:
            try:
                return self._plot.markdown()
            except Exception as error:  # noqa: BLE001  # the days are committed, and must be recorded as such
                self._give_up(error)
        return None

    def _give_up(self, error: Exception) -> None:
        self._plot = None
        reason = " ".join(str(error).split())[:_MOST_QUOTED]
        self._warn(f"{self.day} has no picture, because drawing it failed ({type(error).__name__}: {reason}).")


class DayPlot:
    """Sums and counts of one day's values, by series and quarter of an hour."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._start_us = int(np.datetime64(day, "us").astype(np.int64))
        self._sums: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {}
        self._counts: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}
        self._quantities: dict[str, str] = {}

    def add(self, batch: "Normalized") -> None:
        """Take note of a batch on its way into the warehouse; it is not changed."""
        self.add_points(batch.measurements, {series.key: series.quantity for series in batch.series})

    def add_points(self, frame: "pd.DataFrame", quantities: Mapping[str, str]) -> None:
        """Take note of points (columns series, a category of keys, measured_at, value); series → its quantity."""
        if frame.empty:
            return
        self._quantities.update(quantities)
        keys = frame["series"].cat.categories
        bins = (frame["measured_at"].to_numpy("datetime64[us]").astype(np.int64) - self._start_us) // _BIN_US
        codes = frame["series"].cat.codes.to_numpy(np.int64)
        inside = (bins >= 0) & (bins < _BINS) & (codes >= 0)
        cells = codes[inside] * _BINS + bins[inside]
        size = len(keys) * _BINS
        sums = np.bincount(cells, frame["value"].to_numpy()[inside], size).reshape(-1, _BINS)
        counts = np.bincount(cells, None, size).reshape(-1, _BINS)
        for row, key in enumerate(keys):
            if counts[row].any():
                self._sums[key] = self._sums.get(key, 0) + sums[row]
                self._counts[key] = self._counts.get(key, 0) + counts[row]

    def markdown(self) -> str | None:
        """The small picture as Markdown with the SVG inside; None if there is nothing to show, or too much."""
        for n_panels, n_series in _SMALL if self._sums else ():
            svg = self._svg(self._panels(n_panels, n_series))
            image = f"![{self._day}](data:image/svg+xml,{quote(svg, safe=_SAFE)})"
            if len(image) <= MOST_CHARACTERS:
                return image
        return None

    def png(self) -> bytes | None:
        """The large picture as a PNG; None if there is nothing to show."""
        if not self._sums:
            return None
        from matplotlib.figure import Figure

        panels = self._panels(_PANELS, _SERIES)
        figure = Figure(figsize=(9.6, 1.0 + 2.4 * len(panels)), dpi=100, layout="constrained")
        hours = (np.arange(_BINS) + 0.5) / 4
        for slot, (quantity, keys) in enumerate(panels, start=1):
            axes = figure.add_subplot(len(panels), 1, slot)
            for key in keys:
                axes.plot(hours, self._means(key, _BINS), linewidth=1, label=_label(key))
            axes.set_ylabel(_titled(quantity), fontsize=8)
            axes.set_xlim(0, 24)
            axes.set_xticks(range(0, 25, 3))
            axes.tick_params(labelsize=8)
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        figure.suptitle(f"{self._day}, UTC: means of 15 minutes", fontsize=9)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png")
        return drawn.getvalue()

    def _svg(self, panels: Iterable[tuple[str, list[str]]]) -> str:
        """One panel below the other: what and between which values, and its lines."""
        parts, top = [], 0
        for quantity, keys in panels:
            lines = {key: self._means(key, _POINTS) for key in keys}
            every = np.concatenate(list(lines.values()))
            low, high = float(np.nanmin(every)), float(np.nanmax(every))
            title = escape(f"{_titled(quantity)} {low:.4g}…{high:.4g}")
            parts.append(f"<text y='{top + _TEXT - 4}' font-size='11' fill='gray'>{title}</text>")
            for colour, means in zip(_COLOURS, lines.values(), strict=False):
                heights = (high - means) / ((high - low) or 1.0) * _HEIGHT + top + _TEXT
                parts.append(f"<path stroke='{colour}' d='{_path(heights)}'/>")
            top += _TEXT + _HEIGHT + 2
        size = f"width='{_POINTS * _STEP}' height='{top}'"
        return f"<svg xmlns='http://www.w3.org/2000/svg' {size} fill='none'>{''.join(parts)}</svg>"

    def _means(self, key: str, n_bins: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """The means of a series in `n_bins` equal parts of the day; NaN where nothing was measured."""
        sums, counts = (of[key].reshape(n_bins, -1).sum(axis=1) for of in (self._sums, self._counts))
        means = np.full(n_bins, np.nan)
        np.divide(sums, counts, out=means, where=counts > 0)
        return means

    def _panels(self, n_panels: int, n_series: int) -> list[tuple[str, list[str]]]:
        """The quantities with most points, each with its series with most points."""
        n_points = {key: int(counts.sum()) for key, counts in self._counts.items()}
        by_quantity: dict[str, list[str]] = {}
        for key in sorted(n_points, key=lambda key: (-n_points[key], key)):
            by_quantity.setdefault(self._quantities.get(key, ""), []).append(key)
        ranked = sorted(by_quantity.items(), key=lambda entry: -sum(n_points[key] for key in entry[1]))
        return [(quantity, keys[:n_series]) for quantity, keys in ranked[:n_panels]]


def _label(key: str) -> str:
    """A series' name as a legend shows it: short, and with nothing that matplotlib would read as a formula."""
    shown = key if len(key) <= _LABEL else "…" + key[1 - _LABEL :]
    return shown.replace("$", r"\$")


def _titled(quantity: str) -> str:
    known = QUANTITIES.get(quantity)
    return f"{quantity.replace('_', ' ')} [{known.unit if known else '?'}]"


def _path(heights: "np.ndarray[Any, np.dtype[np.float64]]") -> str:
    """An SVG path over half hours, in whole pixels; a new stroke after a gap."""
    commands, pen = [], None
    for n, height in enumerate(heights):
        if np.isnan(height):
            pen = None
            continue
        y = round(float(height))
        # One letter and two numbers: a minus needs no comma before it.
        commands.append(f"M{n * _STEP},{y}" if pen is None else f"l{_STEP}{y - pen:+d}".replace("+", ","))
        pen = y
    return "".join(commands)
