"""What a person may set about the Smart House's twin."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from sandbox.settings import SettingError, TwinSettings

ERAS: Final = ("proper", "mangled", "redacted")
CELLS: Final = ("dict", "row")
_MOST_LODGERS: Final = 2


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings.

    Attributes:
        eras: Of each home in turn, what its collector does to times: nothing (`proper`), `mangled` or `redacted`.
        cells: What a change of state is: a `dict`, or a PySpark `row` as until 2022-06-03.
        is_id_shuffled: Whether ids differ from request to request, as those of four processes do.
        most_columns: More columns of data are refused with 500; 0 for no limit, 50 as of 2022-06-04.
        kilowatts_from: The day from which on the roof's power is said in kW instead of W.
        resends_every: Every so many days a home sends the last 24 hours a second time; 0 for never.
        n_lodgers: Homes beside the three that have the same few entities each, and nothing to tell them apart.
        last_day: The last day with uploads; None for yesterday.
    """

    eras: tuple[str, ...] = ("proper", "mangled", "redacted")
    cells: str = "dict"
    is_id_shuffled: bool = True
    most_columns: int = 0
    kilowatts_from: date | None = date(2025, 7, 1)
    resends_every: int = 5
    n_lodgers: int = 0
    last_day: date | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            SettingError: A word is not one of those listed, or a number is out of range.
        """
        for name, words, known in (("eras", self.eras, ERAS), ("cells", (self.cells,), CELLS)):
            if not set(words) <= set(known) or not words:
                raise SettingError(f"{name} cannot be {words!r}; each is one of {', '.join(known)}.")
        if not 0 <= self.n_lodgers <= _MOST_LODGERS or self.most_columns < 0 or self.resends_every < 0:
            raise SettingError("n_lodgers is 0, 1 or 2; most_columns and resends_every are not negative.")
