"""What a load has received so far: points by table, series by number, rejected rows by reason."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.contract import Closeable
from domain.errors import NormalizationError
from domain.instants import instant
from domain.measurement import Normalized
from domain.quantities import ABSENT
from domain.records import Reason
from domain.texts import storable
from domain.window import Window
from warehouse.catalogue import Catalogue
from warehouse.points import Points, Slice
from warehouse.quarantine import Quarantine

_MAX_NAME: Final = 256  # characters of a field's name; what is longer is no vocabulary
_MAX_UNMAPPED: Final = 1_000  # different names of one load
OTHER_NAMES: Final = "(other names)"
"""What the values of further unmapped fields are counted as."""


class LoadBuffer(Closeable):
    """Batches taken in, before any transaction is open: the network and the normalizer are done when a load begins.

    Args:
        source: Whose points.
        window: The partition.
        catalogue: Knows the numbers of series.
        place: For messages.
        folder: See `warehouse.points.Points`.

    Attributes:
        numbers: Numbers from the provider.
        states: Codes into `texts`.
        texts: Every different state, as PostgreSQL keeps it.
        quantities: Number in the catalogue → the quantity of the series, as the points are meant.
        quarantine: Rows rejected by the normalizer, and points that contradict one another.
        unmapped: Field name, cut to a bearable length → values for which no quantity is known.
        absent_sites: Sites that are proven to have nothing inside the window.
        n_received: Points the batches account for.
        n_duplicate: Points left out because an equal one is there.
        n_copied: Numbers that the server has counted already, all of them: see `warehouse.copy_ahead`. None: they are
            still to be copied.
    """

    def __init__(
        self, source: str, window: Window, catalogue: Catalogue, *, place: str, folder: Path | None = None
    ) -> None:
        self.numbers: Points[np.float64] = Points(window, np.float64, place=place, folder=folder)
        self.states: Points[np.int64] = Points(window, np.int64, place=place, folder=folder)
        self.texts: list[bytes] = []
        self.quantities: dict[int, str] = {}
        self.quarantine = Quarantine()
        self.unmapped: Counter[str] = Counter()
        self.absent_sites: set[str] = set()
        self.n_received = 0
        self.n_duplicate = 0
        self.n_copied: int | None = None
        self._source = source
        self._catalogue = catalogue
        self._place = place
        self._rank: dict[str, int] = {}
        self._series_id: list[int] = []
        self._with_points: set[int] = set()
        self._site: list[str] = []
        self._codes: dict[str, int | None] = {}

    def close(self) -> None:
        """Give back what is on disk."""
        self.numbers.close()
        self.states.close()

    def take(self, batch: Normalized) -> None:
        """Add a batch.

        Raises:
            WarehouseUnavailableError: What does not fit into memory cannot be put on disk.
            NormalizationError: It breaks the schema.
            OutsidePartitionError: A point lies outside of the window.
            RowsRefusedError: A series has changed its quantity.
        """
        batch.check(place=self._place)
        new = [one for one in batch.series if one.key not in self._rank]
        if new:
            numbers = self._catalogue.numbers(self._source, new, place=self._place)
            self.quantities |= {numbers[one.key]: one.quantity for one in new}
            sites = {one.key: one.site for one in new}
            for key, series_id in numbers.items():
                self._rank[key] = len(self._series_id)
                self._series_id.append(series_id)
                self._site.append(sites[key])
        self.absent_sites |= batch.absent_sites
        self.n_received += batch.n_received
        self.n_duplicate += batch.n_duplicates
        self._count_unmapped(batch.unmapped)
        if batch.n_absent:
            self.unmapped[ABSENT] += batch.n_absent
        self.quarantine.take(batch)
        if len(batch.measurements):
            self._take_numbers(batch.measurements)
        if len(batch.states):
            self._take_states(batch.states)

    def deduplicate(self) -> None:
        """No batch will follow: sort, drop what is there twice, reject what contradicts itself.

        Raises:
            TooManyRejectedError: More rows are rejected than the threshold allows.
            NormalizationError: A site has points, and is said to be absent.
        """
        if both := self.absent_sites & {self._site[rank] for rank in self._with_points}:
            raise self._bug(f"the site {min(both)!r} has points, and is said to be absent")
        numbers, states = self.numbers.deduplicate(), self.states.deduplicate()
        self.n_duplicate += numbers.n_duplicate + states.n_duplicate
        keys = list(self._rank)
        self._reject(keys, numbers.conflicting, list[object](numbers.conflicting.value.tolist()))
        texts = [self.texts[code].decode() for code in states.conflicting.value.tolist()]
        self._reject(keys, states.conflicting, list[object](texts))
        self.quarantine.check(self.n_received, {keys[rank] for rank in self._with_points}, place=self._place)

    @property
    def n_series(self) -> int:
        """Series that have at least one point."""
        return len(self._with_points)

    @property
    def series_ids(self) -> npt.NDArray[np.int64]:
        """Rank → number in the catalogue."""
        return np.array(self._series_id, dtype=np.int64)

    def code(self, text: object) -> int | None:
        """The number of a text in `texts`; None if PostgreSQL cannot hold it."""
        if not isinstance(text, str):
            raise self._bug("a state is not a text")
        if text not in self._codes:
            try:
                encoded = text.encode()
            except UnicodeEncodeError:
                encoded = b"\x00"
            if b"\x00" in encoded:
                self._codes[text] = None
            else:
                self._codes[text] = len(self.texts)
                self.texts.append(encoded)
        return self._codes[text]

    def _count_unmapped(self, unmapped: Mapping[str, int]) -> None:
        """A provider chooses these names: the ledger and the UI get no longer ones, and no more, than people read."""
        for sent, n_values in unmapped.items():
            name = storable(sent[:_MAX_NAME])
            name = name if len(name) <= _MAX_NAME and len(sent) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
            is_room = name in self.unmapped or len(self.unmapped) < _MAX_UNMAPPED
            self.unmapped[name if is_room else OTHER_NAMES] += n_values

    def _take_numbers(self, frame: pd.DataFrame) -> None:
        values = frame["value"].to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            raise self._bug("a value is not a finite number")
        self.numbers.append(self._ranks(frame), _microseconds(frame), values)

    def _take_states(self, frame: pd.DataFrame) -> None:
        codes = [self.code(text) for text in frame["value"].tolist()]
        is_storable = np.array([code is not None for code in codes])
        if not is_storable.all():
            for row in frame.loc[~is_storable].itertuples(index=False):
                self.quarantine.add(
                    f"{row.series} {row.measured_at} {row.value!r}", Reason.NOT_STORABLE_TEXT, series=str(row.series)
                )
            frame = frame.loc[is_storable]
        kept = np.array([code for code in codes if code is not None], dtype=np.int64)
        self.states.append(self._ranks(frame), _microseconds(frame), kept)

    def _ranks(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        series = frame["series"].cat
        codes = series.codes.to_numpy()
        if len(codes) and int(codes.min()) < 0:
            raise self._bug("a point has no series")
        ranks = np.fromiter((self._rank[key] for key in series.categories), np.int64, count=len(series.categories))
        has_points = np.zeros(len(ranks), dtype=np.bool_)
        has_points[codes] = True
        self._with_points.update(ranks[has_points].tolist())
        return ranks[codes]

    def _reject(self, keys: list[str], conflicting: Slice[Any], values: list[object]) -> None:
        for one, at, value in zip(conflicting.rank.tolist(), conflicting.at_us.tolist(), values, strict=True):
            raw = json.dumps(
                {"series": keys[one], "measured_at": instant(at).isoformat(), "value": value}, ensure_ascii=False
            )
            self.quarantine.add(raw, Reason.CONFLICTING_VALUES, series=keys[one])

    def _bug(self, culprit: str) -> NormalizationError:
        return NormalizationError(
            culprit, place=self._place, fix="correct the provider's normalize; this is a bug of ours"
        )


def _microseconds(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    return np.asarray(frame["measured_at"].astype("int64"), dtype=np.int64)
