"""Archives and files damaged on their way: what they say, or an error of a named class; never anything else."""

import random
import re
import zipfile
from collections.abc import Callable
from datetime import date

import pytest

from domain.errors import ProviderError
from domain.measurement import concat
from domain.window import Window
from providers.servitly.account import AccountConfig
from providers.servitly.normalize import normalize_each
from tests.fakes.zips import answer, streamed, zipped

T, HALF_DAY = 1_748_736_000_000, 43_200_000
DAYS = [Window.of_day(date(2025, 6, day)) for day in range(1, 4)]
SPAN = Window(DAYS[0].start, DAYS[-1].end)
ACCOUNT = AccountConfig(tenant="acme")
HEADER = ("TIMESTAMP", "P [W]", "T [°C]", "Note")
Said = dict[tuple[str, int], set[object]]


def said(body: bytes) -> tuple[Said | str, list[str]]:
    """Series and millisecond → values, or the name of the error; and the reasons of what was rejected.

    As one window and day by day it is the same, or this fails.
    """
    outcomes: list[tuple[Said | str, list[str]]] = []
    for windows in ([SPAN], DAYS):
        try:
            found = concat([batch for _, batch in normalize_each([answer(body, SPAN)], windows, ACCOUNT)])
        except ProviderError as error:
            outcomes.append((type(error).__name__, []))
            continue
        points: Said = {}
        for frame in (found.measurements, found.states):
            for series, at, value in frame.itertuples(index=False, name=None):
                points.setdefault((str(series), round(at.timestamp() * 1000)), set()).add(value)
        outcomes.append((points, sorted(found.rejected["reason"])))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


class Writer:
    """Writes numbers, lines and archives as one of many programs does.

    Args:
        draw: Chooses which.
    """

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.separator = draw.choice([",", ";", "\t"])
        self.decimal = draw.choice([".", ","])
        self.group = draw.choice(["", "," if self.decimal == "." else ".", " ", "\u00a0", "\u202f", "'"])
        self.minus = draw.choice(["-", "-", "\u2212"])
        self.end = draw.choice(["\n", "\r\n", "\r\r\n", "\r"])
        self.pad = draw.choice(["", "", " "])
        self.unit = draw.choice([False, False, True])
        self.is_quoting = draw.random() < 0.3

    def number(self, value: float, unit: str) -> str:
        """A number with decimals, as this program spells it."""
        signs = {",": self.group, ".": self.decimal, "-": self.minus}
        text = "".join(signs.get(sign, sign) for sign in f"{value:,.2f}")
        return self.quoted(f"{text} {unit}" if self.unit else text)

    def quoted(self, cell: str) -> str:
        """A cell, in quotes where it must be or this program likes to."""
        return f'"{cell}"' if self.is_quoting or self.separator in cell else cell

    def file(self, n_rows: int) -> tuple[str, Said]:
        """A file, and what it says of the thing `{}`."""
        between = self.separator + self.pad
        lines, meant = [between.join(map(self.quoted, HEADER))], Said()
        for row in range(n_rows):
            at, power, warmth = T + row * HALF_DAY // 2, self.draw.uniform(-9e6, 9e6), self.draw.uniform(-50, 99)
            note = self.quoted(f"state {row}")
            cells = [str(at), self.number(power, "W"), self.number(warmth, "°C"), note]
            lines.append(between.join(cells))
            for name, value in zip(HEADER[1:], (round(power, 2), round(warmth, 2), f"state {row}"), strict=True):
                meant[name, at] = {value}
        text = self.end.join([*lines, *([""] if self.draw.random() < 0.8 else [])])
        return ("\ufeff" if self.draw.random() < 0.1 else "") + text, meant

    def archive(self, files: list[tuple[str, bytes]]) -> bytes:
        """An archive of files."""
        write: Callable[[list[tuple[str, bytes]]], bytes] = self.draw.choice(
            [
                zipped,
                streamed,
                lambda files: zipped(files, method=zipfile.ZIP_STORED),
                lambda files: zipped(files, is_zip64=True),
                lambda files: _without_flag(zipped(files)),
            ]
        )
        return write(files)


def _without_flag(body: bytes) -> bytes:
    """The archive without the flag that says its names are UTF-8: as Info-ZIP writes it on Unix."""
    unflagged = bytearray(body)
    for mark, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = -1
        while (at := unflagged.find(mark, at + 1)) >= 0:
            unflagged[at + offset] &= ~0x08 & 0xFF
    return bytes(unflagged)


def damaged(body: bytes, draw: random.Random) -> bytes:
    """The bytes with one piece of them flipped, cut out, cut off, put in, or there twice."""
    at = draw.randrange(len(body))
    end = min(len(body), at + draw.choice([1, 1, 2, 8, 60, 500]))
    piece = body[at:end]
    flipped = bytes([piece[0] ^ draw.randrange(1, 256)]) + piece[1:]
    new = draw.choice([flipped, b"", piece + piece, draw.randbytes(len(piece)) + piece, None])
    return body[:at] if new is None else body[:at] + new + body[end:]


def _check_archives(n_archives: int) -> tuple[int, int]:
    """How many of the damaged archives were refused, and how many still said the same."""
    draw, n_refused, n_same = random.Random(1), 0, 0
    for number in range(n_archives):
        writer = Writer(draw)
        names = draw.sample(["B1", "HM-7_Küche", "ボイラー", "Haus A"], draw.randrange(1, 3))
        files, meant = [], Said()
        for name in names:
            text, points = writer.file(draw.randrange(1, 9))
            files.append((f"{name}.csv", text.encode()))
            meant |= {(f"{name}/{column}", at): value for (column, at), value in points.items()}
        body = writer.archive(files)
        if number % 2 == 0:
            assert said(body) == (meant, [])
            continue
        found, _ = said(damaged(body, draw))
        assert isinstance(found, str) or found == meant
        n_refused += isinstance(found, str)
        n_same += not isinstance(found, str)
    return n_refused, n_same


def _check_files(n_files: int) -> tuple[int, int, int]:
    """How many damaged files were refused; how many points of untouched rows were there and how many were not.

    A file has no checksum of its own: what a damaged row says nobody can know. What the others say stays what it was,
    or is withheld, where the damage hides the row in a text or contradicts the file's decimal sign.
    """
    draw, n_refused, n_kept, n_withheld = random.Random(2), 0, 0, 0
    for number in range(n_files):
        writer = Writer(draw)
        text, points = writer.file(draw.randrange(2, 12))
        meant = {(f"B1/{column}", at): value for (column, at), value in points.items()}
        whole = text.encode()
        if number % 2 == 0:
            assert said(writer.archive([("B1.csv", whole)])) == (meant, [])
            continue
        broken = damaged(whole, draw)
        found, _ = said(writer.archive([("B1.csv", broken)]))
        if isinstance(found, str):
            n_refused += 1
            continue
        before, after = (re.split(rb"[\r\n]+", body) for body in (whole, broken))
        if before[0] != after[0]:  # another header: other series
            continue
        strange = b"\n".join(line for line in after if line not in set(before))
        touched = {int(found) for found in re.findall(rb"(?=([0-9]{13}))", strange)}
        touched |= {int(line[:13]) for line in before[1:] if line and line not in set(after)}
        for key, value in meant.items():
            if key[1] not in touched:
                assert found.get(key, value) == value
                n_kept += key in found
                n_withheld += key not in found
    return n_refused, n_kept, n_withheld


def test_whole_archives_load_whole_and_damaged_ones_say_the_same_or_are_refused() -> None:
    n_refused, n_same = _check_archives(400)
    assert n_refused > 150
    assert n_same > 0


def test_damaged_files_say_of_their_other_rows_what_they_said_or_are_refused() -> None:
    n_refused, n_kept, n_withheld = _check_files(300)
    assert n_refused > 10
    assert n_kept > 10 * n_withheld


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_twelve_thousand_archives_and_six_thousand_files_cut_at_random_pieces() -> None:
    n_refused, n_same = _check_archives(12_000)
    print(f"6,000 whole; of 6,000 damaged archives {n_refused:,} refused, {n_same:,} unharmed")
    n_refused, n_kept, n_withheld = _check_files(6_000)
    print(f"3,000 whole; of 3,000 damaged files {n_refused:,} refused; {n_kept:,} points kept, {n_withheld:,} withheld")
    assert n_kept > 10 * n_withheld
