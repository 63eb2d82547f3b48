"""Small facts that outlive a command: ports once chosen, passwords once drawn. Readable by their owner alone."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from domain.errors import ConfigurationError


def recalled(path: Path) -> dict[str, Any]:
    """The facts kept at `path`; none if nothing is kept there.

    Raises:
        ConfigurationError: The file is not what `keep` wrote.
    """
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise ConfigurationError("a file of ours is damaged", place=str(path), fix="delete it; it is made anew")
    return facts


def keep(path: Path, facts: Mapping[str, Any]) -> None:
    """Keep `facts` at `path`, whole or not at all, mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(number, "w") as file:
        json.dump(dict(facts), file, indent=1)
    Path(name).replace(path)


def private_folder(path: Path) -> Path:
    """The folder `path`, made if it is not there, and closed to everybody but its owner."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)  # one that an earlier release made
    return path


def kept(path: Path, draw: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """The facts kept at `path`, completed by what `draw` makes for those that lack."""
    known = recalled(path)
    drawn = draw()
    if missing := {name: value for name, value in drawn.items() if name not in known}:
        known |= missing
        keep(path, known)
    return known
