"""The document's own example loads to exactly the values that it prints, point by point."""

from datetime import UTC, datetime

import pytest

from domain.measurement import concat
from domain.window import Window
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.normalize import normalize
from tests.providers.voltstorage.harness import exported, points_of

HEADER = "Time,Power_Grid,Power_Household,inverterPower,Power_PV,Power_Power Electronics,SOC_State of Charge"
# As printed at the end of the provider's document.
LINES = """
2020-03-25T12:20:41.562+00:00,-49.8754,815.662,433.105,432.432,433.105,0.611868
2020-03-25T12:20:42.556+00:00,-71.7332,,,,,
2020-03-25T12:20:43.568+00:00,-55.5049,,395.02,,395.02,
2020-03-25T12:20:44.556+00:00,-115.449,,433.105,,433.105,
2020-03-25T12:20:45.556+00:00,-59.1815,,354.98,,354.98,
2020-03-25T12:20:46.556+00:00,-159.164,,433.105,,433.105,
2020-03-25T12:20:47.556+00:00,-63.8346,,315.918,,315.918,
2020-03-25T12:20:48.558+00:00,-43.7003,,273.926,,273.926,0.611709
2020-03-25T12:20:49.556+00:00,-107.55,,315.918,,315.918,0.611693
2020-03-25T12:20:50.556+00:00,-50.5506,,237.061,,237.061,
2020-03-25T12:20:51.556+00:00,-149.313,,313.965,,313.965,
2020-03-25T12:20:52.556+00:00,-53.2505,,196.045,,196.045,
2020-03-25T12:20:53.556+00:00,-152.989,,273.926,,273.926,
2020-03-25T12:20:54.556+00:00,99.0787,,0,,0,
2020-03-25T12:20:55.556+00:00,77.2209,,,,,0.611629
2020-03-25T12:20:56.558+00:00,,,,,,0.611628
2020-03-25T12:21:00.556+00:00,-32.068,404.35,,,,
2020-03-25T12:21:01.556+00:00,-32.3131,404.315,,,,
2020-03-25T12:21:17.556+00:00,-36.2353,,0,,0,
2020-03-25T12:21:18.558+00:00,-14.4772,,,,,
2020-03-25T12:21:19.556+00:00,9.2645,,-45.99,,-45.99,
2020-03-25T12:21:20.556+00:00,-36.9706,,0,,0,
2020-03-25T12:21:27.556+00:00,-38.6866,403.396,,,,
2020-03-25T12:21:28.556+00:00,-78.9317,363.361,,,,
2020-03-25T12:21:29.556+00:00,-79.1768,363.325,,,,
2020-03-25T12:25:06.564+00:00,-139.382,351.129,,490.511,,0.611472
""".strip().splitlines()
PRINTED = "\r\n".join(["sep=,", HEADER, *LINES, ""]).encode()
WINDOW = Window(datetime(2020, 3, 25, tzinfo=UTC), datetime(2020, 3, 26, tzinfo=UTC))


def expected() -> dict[tuple[str, str], float]:
    """Column and printed time → printed value, for every cell that is not empty."""
    names = HEADER.split(",")
    said: dict[tuple[str, str], float] = {}
    for line in LINES:
        time, *cells = line.split(",")
        said |= {(name, time): float(cell) for name, cell in zip(names[1:], cells, strict=True) if cell}
    return said


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
def test_the_printed_example_loads_to_exactly_the_values_printed_there(ending: bytes) -> None:
    said = exported(PRINTED.replace(b"\r\n", ending), WINDOW)
    whole = concat(normalize([said], WINDOW, AccountConfig()))
    want = {(f"77/{name}", datetime.fromisoformat(time)): value for (name, time), value in expected().items()}
    assert len(want) == 72
    assert points_of(whole) == want
    assert whole.n_received == len(want)


def test_the_printed_example_balances_and_so_the_signs_are_understood() -> None:
    said = expected()
    time = LINES[0].split(",")[0]
    drawn = said["Power_Household", time] - said["Power_PV", time] - said["inverterPower", time]
    assert said["Power_Grid", time] == pytest.approx(drawn, abs=0.001)
