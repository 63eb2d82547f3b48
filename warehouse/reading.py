"""Points, catalogue, revisions and quarantine read back as frames: for checks, plots, tables and tests."""

import numpy as np
import pandas as pd
from psycopg import sql
from psycopg.rows import dict_row

from domain.window import Window
from warehouse.connections import Connections
from warehouse.copy_binary import EPOCH_US, decode_measurements
from warehouse.statements import statement


class Reading:
    """Questions about what the warehouse holds. Each answer must fit into memory: ask for days, not for years."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def series(self, source: str) -> pd.DataFrame:
        """The catalogue of a source: one row per series, sorted by key."""
        return self._frame("reading/series", source)

    def measurements(self, source: str, window: Window) -> pd.DataFrame:
        """The numbers inside `window`: columns series (category of keys), measured_at, value; by series and time."""
        catalogue = self.series(source)
        names: dict[str, sql.Composable] = {
            "series_ids": sql.Literal("{" + ",".join(map(str, catalogue["series_id"])) + "}"),
            "start": sql.Literal(window.start),
            "end": sql.Literal(window.end),
        }
        with (
            self._connections.borrow(f"{source}, {window}") as connection,
            connection.cursor() as cursor,
            cursor.copy(statement("reading/measurements").format(**names)) as copy,
        ):
            rows = decode_measurements(copy)
        position = pd.Index(catalogue["series_id"].astype("int64")).get_indexer(
            pd.Index(rows["series_id"].astype(np.int64))
        )
        at = (rows["measured_at"].astype(np.int64) + EPOCH_US).view("datetime64[us]")
        return pd.DataFrame(
            {
                "series": pd.Categorical.from_codes(position, categories=pd.Index(catalogue["key"], dtype="str")),
                "measured_at": pd.Series(at).dt.tz_localize("UTC"),
                "value": rows["value"].astype(np.float64),
            }
        )

    def states(self, source: str, window: Window) -> pd.DataFrame:
        """The states inside `window`: columns series, measured_at, value (text); sorted by series and time."""
        return self._frame("reading/states", source, window).rename(columns={"key": "series"})

    def revisions(self, source: str, window: Window) -> pd.DataFrame:
        """What values inside `window` were before: series, measured_at, value, text_value, change, load_id."""
        return self._frame("reading/revisions", source, window)

    def rejected(self, source: str, window: Window) -> pd.DataFrame:
        """Rows rejected while some part of `window` was loaded: reason, raw, payload_sha256, n_rows, load ids."""
        return self._frame("reading/rejected", source, window)

    def _frame(self, name: str, source: str, window: Window | None = None) -> pd.DataFrame:
        values: dict[str, object] = {"source": source}
        if window:
            values |= {"start": window.start, "end": window.end}
        with (
            self._connections.borrow(f"{source}, {window}") as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            rows = cursor.execute(statement(name), values).fetchall()
            columns = [column.name for column in cursor.description or ()]
        return pd.DataFrame(rows, columns=columns)
