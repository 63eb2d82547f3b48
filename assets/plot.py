"""A small picture of one loaded day, beside the asset in the UI.

It watches the batches of a load go by and keeps a mean for every quarter of an hour, so that its memory does not grow
with the day. The picture is stored in Dagster's event log: it stays under 20 KB, and only the last day
of a run has one. Whatever goes wrong with it is a warning, and costs the picture alone.
"""

import base64
import io
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.quantities import QUANTITIES

if TYPE_CHECKING:
    from domain.measurement import Normalized

LARGEST_BYTES: Final = 20_000
_BINS: Final = 96  # quarters of an hour
_BIN_US: Final = 15 * 60 * 1_000_000
_SERIES: Final = 6  # lines that an eye can tell apart, in each panel
_PANELS: Final = 2
_COLOURS: Final = 96
_MOST_QUOTED: Final = 200  # characters of a foreign error's text in a sentence of ours
_LABEL: Final = 28  # characters of a series' name that fit beside a line


class Picture:
    """The plot of one day as a load may watch it: an error while drawing is a warning, and never the day's.

    Args:
        day: The UTC day.
        warn: Where to say, in one sentence, that there will be no picture.
    """

    def __init__(self, day: date, warn: Callable[[str], None]) -> None:
        self._day = day
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
        self._warn(f"{self._day} has no picture, because drawing it failed ({type(error).__name__}: {reason}).")


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
        frame = batch.measurements
        if frame.empty:
            return
        self._quantities.update({series.key: series.quantity for series in batch.series})
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
        """The picture as Markdown with the PNG inside; None if there is nothing to show or it would be too large."""
        if not self._sums:
            return None
        png = self._png()
        image = f"![{self._day}](data:image/png;base64,{base64.b64encode(png).decode()})"
        return image if len(image) <= LARGEST_BYTES else None

    def _png(self) -> bytes:
        # Drawing is imported only when a picture is drawn: it costs half a second, and most processes draw none.
        from matplotlib.figure import Figure  # noqa: PLC0415  # see above
        from PIL import Image  # noqa: PLC0415  # matplotlib brings it

        panels = self._panels()
        figure = Figure(figsize=(6.4, 1.0 + 1.5 * len(panels)), dpi=72, layout="constrained")
        hours = (np.arange(_BINS) + 0.5) / 4
        for slot, (quantity, keys) in enumerate(panels, start=1):
            axes = figure.add_subplot(len(panels), 1, slot)
            for key in keys:
                counts = self._counts[key]
                means = np.divide(self._sums[key], counts, out=np.full(_BINS, np.nan), where=counts > 0)
                axes.plot(
                    hours,
                    means,
                    linewidth=1,
                    antialiased=False,
                    label=_label(key),
                )
            known = QUANTITIES.get(quantity)
            axes.set_ylabel(f"{quantity.replace('_', ' ')} [{known.unit if known else '?'}]", fontsize=7)
            axes.set_xlim(0, 24)
            axes.set_xticks(range(0, 25, 6))
            axes.tick_params(labelsize=7)
            axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        figure.suptitle(f"{self._day}, UTC: means of 15 minutes", fontsize=8)
        drawn, png = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, format="png")
        # A palette makes it a quarter of the size. Without smooth edges, every line keeps a colour of its own in it.
        Image.open(drawn).convert("RGB").quantize(_COLOURS).save(png, "PNG", optimize=True)
        return png.getvalue()

    def _panels(self) -> list[tuple[str, list[str]]]:
        """The quantities with most points, each with its series with most points."""
        n_points = {key: int(counts.sum()) for key, counts in self._counts.items()}
        by_quantity: dict[str, list[str]] = {}
        for key in sorted(n_points, key=lambda key: (-n_points[key], key)):
            by_quantity.setdefault(self._quantities.get(key, ""), []).append(key)
        ranked = sorted(by_quantity.items(), key=lambda entry: -sum(n_points[key] for key in entry[1]))
        return [(quantity, keys[:_SERIES]) for quantity, keys in ranked[:_PANELS]]


def _label(key: str) -> str:
    """A series' name as a legend shows it: short, and with nothing that matplotlib would read as a formula."""
    shown = key if len(key) <= _LABEL else "…" + key[1 - _LABEL :]
    return shown.replace("$", r"\$")
