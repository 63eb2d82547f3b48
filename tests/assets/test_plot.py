import string
from datetime import date, timedelta
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd

from assets.plot import DayPlot
from domain.window import Window
from tests.fakes.provider import FakeProvider, hourly

DAY = date(2026, 1, 2)
SVG = "{http://www.w3.org/2000/svg}"


def plot_of(n_series: int) -> DayPlot:
    plot = DayPlot(DAY)
    points = {f"site/{n}/P": hourly(DAY, low=n)["roof/P"] for n in range(n_series)}
    provider = FakeProvider({DAY: points})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        plot.add(batch)
    return plot


def svg_of(markdown: str | None) -> ET.Element:
    """The picture that stands in Markdown as Dagster's UI shows it: short, and well-formed."""
    assert markdown is not None
    assert len(markdown) < 1000, "Dagster's UI folds what is longer"
    address = markdown.removeprefix(f"![{DAY}](data:image/svg+xml,").removesuffix(")")
    assert set(address) <= set(string.ascii_letters + string.digits + "=:/',;%-._~"), "nothing that ends the address"
    return ET.fromstring(unquote(address))  # noqa: S314 - our own


def test_a_day_with_values_has_a_picture_that_the_ui_shows_without_a_button() -> None:
    drawn = svg_of(plot_of(2).markdown())
    assert [text.text for text in drawn.iter(f"{SVG}text")] == ["power [W] 0…24"]
    assert [path.attrib["stroke"] for path in drawn.iter(f"{SVG}path")] == ["teal", "coral"]


def test_hundreds_of_restless_series_still_make_a_small_picture() -> None:
    plot, start = DayPlot(DAY), Window.of_day(DAY).start
    quarters = [start + timedelta(minutes=15 * n) for n in range(96)]
    points = {f"s/{n}/P": {at: float(hash((n, at.hour, at.minute)) % 1000) for at in quarters} for n in range(300)}
    provider = FakeProvider({DAY: points})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        plot.add(batch)
    assert len(list(svg_of(plot.markdown()).iter(f"{SVG}path"))) > 0
    large = plot.png()
    assert large is not None
    assert large.startswith(b"\x89PNG")


def test_a_picture_that_would_be_folded_leaves_lines_out() -> None:
    plot, n_bins = DayPlot(DAY), 48
    keys = ["a/P", "b/P", "a/U", "b/U"]
    at = pd.date_range(Window.of_day(DAY).start, periods=n_bins, freq="30min", unit="us")
    codes = np.repeat(np.arange(4), n_bins)
    frame = pd.DataFrame(
        {
            "series": pd.Categorical([keys[code] for code in codes], categories=keys),
            "measured_at": np.tile(at, 4),
            "value": [float(n % 2) for n in range(4 * n_bins)],
        }
    )
    plot.add_points(frame, {key: "power" if key.endswith("P") else "voltage" for key in keys})
    drawn = svg_of(plot.markdown())
    assert [text.text for text in drawn.iter(f"{SVG}text")] == ["power [W] 0…1", "voltage [V] 0…1"]
    assert [path.attrib["stroke"] for path in drawn.iter(f"{SVG}path")] == ["teal", "teal"]


def test_a_gap_is_a_gap_and_a_level_is_a_level_in_the_picture() -> None:
    plot, start = DayPlot(DAY), Window.of_day(DAY).start
    hours = [start + timedelta(hours=hour, minutes=minute) for hour in (0, 5) for minute in (0, 30)]
    provider = FakeProvider({DAY: {"roof/P": dict.fromkeys(hours, 7.0)}})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        plot.add(batch)
    [path] = svg_of(plot.markdown()).iter(f"{SVG}path")
    assert path.attrib["d"] == "M0,14l8,0M80,14l8,0"


def test_a_day_without_values_has_no_picture() -> None:
    assert plot_of(0).markdown() is None
    assert plot_of(0).png() is None


def test_a_name_that_looks_like_a_formula_is_drawn_as_it_is() -> None:
    plot = DayPlot(DAY)
    provider = FakeProvider({DAY: {r"evs/$\frac{$/P": hourly(DAY)["roof/P"]}})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        plot.add(batch)
    assert plot.png() is not None


def test_a_mean_is_the_mean_of_every_batch() -> None:
    plot = plot_of(1)
    once = plot._sums["site/0/P"] / plot._counts["site/0/P"].clip(1)
    again = plot_of(1)
    provider = FakeProvider({DAY: {"site/0/P": hourly(DAY, low=0)["roof/P"]}})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        again.add(batch)
    assert (once == again._sums["site/0/P"] / again._counts["site/0/P"].clip(1)).all()
