"""SQL is source: one statement a file in `warehouse/sql/`, each with a header, loaded by name."""

from functools import cache
from importlib.resources import files

from psycopg import sql


@cache
def script(name: str) -> str:
    """The text of `warehouse/sql/<name>.sql`, without its header."""
    text = files("warehouse").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))


@cache
def statement(name: str) -> sql.SQL:
    """The statement `warehouse/sql/<name>.sql`, to be executed or composed."""
    # A file of this package is as literal as a string in this module: no caller's text can reach it.
    return sql.SQL(script(name))
