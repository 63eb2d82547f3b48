import base64
from datetime import date, timedelta

from assets.plot import LARGEST_BYTES, DayPlot
from domain.window import Window
from tests.fakes.provider import FakeProvider, hourly

DAY = date(2026, 1, 2)


def plot_of(n_series: int) -> DayPlot:
    plot = DayPlot(DAY)
    points = {f"site/{n}/P": hourly(DAY, low=n)["roof/P"] for n in range(n_series)}
    provider = FakeProvider({DAY: points})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        plot.add(batch)
    return plot


def test_a_day_with_values_has_a_small_picture() -> None:
    markdown = plot_of(2).markdown()
    assert markdown is not None
    assert base64.b64decode(markdown.split("base64,")[1].rstrip(")")).startswith(b"\x89PNG")
    assert len(markdown) <= LARGEST_BYTES


def test_hundreds_of_restless_series_still_make_a_small_picture() -> None:
    plot, start = DayPlot(DAY), Window.of_day(DAY).start
    quarters = [start + timedelta(minutes=15 * n) for n in range(96)]
    points = {f"s/{n}/P": {at: float(hash((n, at.hour, at.minute)) % 1000) for at in quarters} for n in range(300)}
    provider = FakeProvider({DAY: points})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        plot.add(batch)
    markdown = plot.markdown()
    assert markdown is not None
    assert len(markdown) <= LARGEST_BYTES


def test_a_day_without_values_has_no_picture() -> None:
    assert plot_of(0).markdown() is None


def test_a_name_that_looks_like_a_formula_is_drawn_as_it_is() -> None:
    plot = DayPlot(DAY)
    provider = FakeProvider({DAY: {r"evs/$\frac{$/P": hourly(DAY)["roof/P"]}})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        plot.add(batch)
    assert plot.markdown() is not None


def test_a_mean_is_the_mean_of_every_batch() -> None:
    plot = plot_of(1)
    once = plot._sums["site/0/P"] / plot._counts["site/0/P"].clip(1)
    again = plot_of(1)
    provider = FakeProvider({DAY: {"site/0/P": hourly(DAY, low=0)["roof/P"]}})
    for batch in provider.normalize(provider.fetch(Window.of_day(DAY), {}), Window.of_day(DAY)):
        again.add(batch)
    assert (once == again._sums["site/0/P"] / again._counts["site/0/P"].clip(1)).all()
