"""Sites that a provider, as proven, holds nothing of any more: their points go, and are no loss to guard against."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import psycopg

from warehouse.statements import statement


@dataclass(frozen=True, slots=True)
class DeletedUpstream:
    """The series of absent sites.

    Attributes:
        site_of: Number in the catalogue → site.
    """

    site_of: Mapping[int, str]

    @classmethod
    def of(cls, connection: psycopg.Connection, source: str, sites: Iterable[str], *, spared: Container[int]) -> Self:
        """What the catalogue knows of `sites`, without the series `spared`."""
        asked = {"source": source, "sites": sorted(sites)}
        if not asked["sites"]:
            return cls({})
        rows = connection.execute(statement("catalogue/of_sites"), asked).fetchall()
        return cls({int(series_id): str(site) for series_id, site in rows if series_id not in spared})

    def n_points(self, series_id: npt.NDArray[np.int64]) -> int:
        """How many of these points, each by the number of its series, are of absent sites."""
        return int(np.isin(series_id, list(self.site_of)).sum()) if self.site_of else 0

    def sites(self, *series_id: npt.NDArray[np.int64]) -> tuple[str, ...]:
        """The absent sites that have points among these, sorted: the ones that are deleted upstream now."""
        gone = {one for numbers in series_id for one in np.unique(numbers).tolist()}
        return tuple(sorted({site for one, site in self.site_of.items() if one in gone}))
