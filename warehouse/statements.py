"""SQL is source: one file for each group of tables, its statements in named blocks, loaded by `file/name`.

What loads and readers run is in `warehouse/sql/`; what a step of the schema runs is beside the step, in
`warehouse/migrations/versions/`. A block begins with `-- name: begin`; other comments are for people.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from psycopg import sql


def parse(file: str, text: str) -> dict[str, str]:
    """The statements of one file by `file/name`, without comments.

    Raises:
        ValueError: A block is empty, has no name, or has the name of another.
    """
    head, *blocks = re.split(r"^[ \t]*--[ \t]*name:(.*)$", text, flags=re.MULTILINE)
    found: dict[str, str] = {}
    for name, block in [("", head), *zip(blocks[::2], blocks[1::2], strict=True)]:
        body = "\n".join(line for line in block.splitlines() if not line.lstrip().startswith("--")).strip()
        key = f"{file}/{name.strip()}"
        if bool(body) != bool(re.fullmatch(r" \w+", name)) or key in found:
            raise ValueError(f"a block of {file}.sql is empty, has no name or that of another ({key}): name each once.")
        found |= {key: body} if body else {}
    return found


@cache
def _scripts() -> Mapping[str, str]:
    folders = (files("warehouse").joinpath("sql"), files("warehouse").joinpath("migrations", "versions"))
    paths = [path for folder in folders for path in folder.iterdir() if path.name.endswith(".sql")]
    parsed = [parse(path.name.removesuffix(".sql"), path.read_text(encoding="utf-8")) for path in paths]
    return {name: text for file in parsed for name, text in file.items()}


def script(name: str) -> str:
    """The text of the statement `file/name`.

    Raises:
        LookupError: There is none of this name.
    """
    scripts = _scripts()
    if name not in scripts:
        raise LookupError(f"no SQL file of the warehouse has a block {name}: correct the name, or add the block.")
    return scripts[name]


@cache
def statement(name: str) -> sql.SQL:
    """The statement `file/name`, to be executed or composed."""
    # A file of this package is as literal as a string in this module: no caller's text can reach it.
    return sql.SQL(script(name))
