"""The settings of the Smart House's twin, and the faults that it can have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from sandbox.faults import COMMON_FAULTS, FaultKind
from sandbox.settings import SettingError, TwinSettings

_MOST_LODGERS: Final = 2


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings.

    Attributes:
        eras: Of each home in turn, what its collector does to times: nothing (`proper`), `mangled` or `redacted`.
        cells: The form of a change of state: a `dict`, or a PySpark `row` as until 2022-06-03.
        is_id_shuffled: Whether ids differ from request to request, as those of four processes do.
        most_columns: More columns of data are refused with 500; 0 for no limit, 50 as of 2022-06-04.
        kilowatts_from: The day from which the roof's power is in kW instead of W.
        resends_every: Days after which a home sends the last 24 hours a second time; 0 for never.
        n_lodgers: Further homes that all have the same few entities, and nothing to tell them apart.
        last_day: The last day with uploads; None for yesterday.
    """

    choices: ClassVar = {"eras": ("proper", "mangled", "redacted"), "cells": ("dict", "row")}

    eras: tuple[str, ...] = ("proper", "mangled", "redacted")
    cells: str = "dict"
    is_id_shuffled: bool = True
    most_columns: int = 0
    kilowatts_from: date | None = date(2025, 7, 1)
    resends_every: int = 5
    n_lodgers: int = 0
    last_day: date | None = None

    def check(self) -> None:
        """Refuse numbers out of range."""
        if not 0 <= self.n_lodgers <= _MOST_LODGERS or self.most_columns < 0 or self.resends_every < 0:
            raise SettingError("n_lodgers is 0, 1 or 2; most_columns and resends_every are not negative.")


FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "too_wide": FaultKind("More than `days` days of uploads are answered with `status`.", {"days": 1, "status": 502}),
    "zip_cut": FaultKind("The archive ends after `fraction` of it, and all framing agrees.", {"fraction": 0.5}),
    "zip_flip": FaultKind("A bit of the archive's byte at `fraction` of it is flipped.", {"fraction": 0.5}),
    "zip_empty": FaultKind("The archive holds no file."),
    "zip_bomb": FaultKind("The file is followed by `mib` MiB of spaces before it is packed.", {"mib": 300}),
    "zip_metadata": FaultKind("A second file describes the first, as in June 2022."),
    "member": FaultKind("The file inside is exactly `text`.", {"text": ""}),
    "cell": FaultKind("The first cell of the first row is `raw`, as JSON.", {"raw": '"n/a"'}),
    "other_day": FaultKind("A row has a day that is `days` days later.", {"days": 40}),
}
"""Kind → its summary and options."""
