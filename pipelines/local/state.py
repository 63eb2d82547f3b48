"""Small state files that outlive a command: ports once chosen, passwords once drawn. Only their owner can read them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from domain.errors import ConfigurationError
from warehouse.embedded.host import write_privately


def read(path: Path) -> dict[str, Any]:
    """The values in the state file `path`; none if there is no such file.

    Raises:
        ConfigurationError: The file is not what `write` wrote.
    """
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ConfigurationError("a file of ours is damaged", place=str(path), fix="delete it; it is made anew")
    return values


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write `values` to `path`, whole or not at all, mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_privately(path, json.dumps(dict(values), indent=1))


def read_or_create(path: Path, create: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """The values in `path`, completed by those of `create` that are missing there."""
    values = read(path)
    created = create()
    if missing := {name: value for name, value in created.items() if name not in values}:
        values |= missing
        write(path, values)
    return values


def make_private_folder(path: Path) -> Path:
    """The folder `path`, made if it does not exist, and closed to everybody but its owner."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)  # one that an earlier release made
    return path
