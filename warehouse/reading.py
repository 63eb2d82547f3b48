"""Points, catalogue, revisions and quarantine read back as frames: for checks, plots, tables and tests."""

from typing import Final

import numpy as np
import pandas as pd
import psycopg
from psycopg.rows import dict_row, scalar_row

from domain.window import Window
from warehouse.connections import Connections
from warehouse.copy_binary import decode_numbers
from warehouse.statements import statement
from warehouse.stored_points import stored_points
from warehouse.summary_check import disagreements

_TIMESTAMPTZ: Final = psycopg.postgres.types["timestamptz"].oid
_NO_CODES: Final = np.empty(0, dtype=np.int64)
_NO_VALUES: Final = np.empty(0, dtype=np.float64)


class Reading:
    """Questions about what the warehouse holds. Each answer must fit into memory: ask for days, not for years."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def series(self, source: str) -> pd.DataFrame:
        """The catalogue of a source: one row per series, sorted by key."""
        return self._frame("reading/series", source)

    def quantities(self, source: str) -> list[str]:
        """What the series of a source measure, by name; `state` where some are no numbers."""
        return self._connections.rows(f"catalogue of {source}", "catalogue/quantities", {"source": source}, scalar_row)

    def measurements(self, source: str, window: Window) -> pd.DataFrame:
        """The numbers inside `window`: columns series (category of keys), measured_at, value; by series and time."""
        catalogue = self.series(source)
        codes, instants, values = [_NO_CODES], [_NO_CODES], [_NO_VALUES]
        code_of = {series_id: code for code, series_id in enumerate(catalogue["series_id"].tolist())}
        with self._connections.borrow(f"{source}, {window}") as connection, connection.transaction():
            for series_id, at_us, packed in sorted(
                stored_points(connection, "numbers", list(code_of), window), key=lambda one: code_of[one[0]]
            ):
                order = np.argsort(at_us, kind="stable")
                codes.append(np.full(len(at_us), code_of[series_id], dtype=np.int64))
                instants.append(at_us[order])
                values.append(decode_numbers(packed)[order])
        at = pd.Series(np.concatenate(instants).view("datetime64[us]"))
        keys = pd.Index(catalogue["key"], dtype="str")
        return pd.DataFrame(
            {
                "series": pd.Categorical.from_codes(np.concatenate(codes), categories=keys),
                "measured_at": at.dt.tz_localize("UTC"),
                "value": np.concatenate(values),
            }
        )

    def states(self, source: str, window: Window) -> pd.DataFrame:
        """The states inside `window`: columns series, measured_at, value (text); sorted by series and time."""
        return self._frame("reading/states", source, window).rename(columns={"key": "series"})

    def revisions(self, source: str, window: Window) -> pd.DataFrame:
        """What values inside `window` were before: series, measured_at, value, text_value, change, load_id."""
        return self._frame("reading/revisions", source, window)

    def rejected(self, source: str, window: Window) -> pd.DataFrame:
        """Rows rejected while loading some part of `window`: series_key, reason, raw, payload_sha256, n_rows, loads."""
        return self._frame("reading/rejected", source, window)

    def rejected_series(self, source: str, window: Window) -> pd.DataFrame:
        """The same by series and reason, worst first: n_rows, when first and last seen, which days, an example."""
        return self._frame("reading/rejected_series", source, window)

    def wrong_summaries(self, source: str, window: Window) -> list[str]:
        """Buckets of summaries inside `window` that are not what the points amount to, as text; see `summary_check`.

        None, where they are still being filled: the old views answer then, from the points.
        """
        with self._connections.borrow(f"summaries of {source}, {window}") as connection:
            if connection.execute(statement("fill/is_pending"), {"name": "summaries"}).fetchall():
                return []
            return [str(one) for one in disagreements(connection, source, window)]

    def _frame(self, name: str, source: str, window: Window | None = None) -> pd.DataFrame:
        values: dict[str, object] = {"source": source}
        if window:
            values |= {"start": window.start, "end": window.end}
        with (
            self._connections.borrow(f"{source}, {window}") as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            rows = cursor.execute(statement(name), values).fetchall()
            described = cursor.description or ()
        frame = pd.DataFrame(rows, columns=[column.name for column in described])
        # Without rows pandas has nothing to guess a type from.
        instants = {column.name: "datetime64[us, UTC]" for column in described if column.type_code == _TIMESTAMPTZ}
        return frame.astype(instants)
