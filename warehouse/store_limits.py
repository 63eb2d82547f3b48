"""What every driver of an object store is told: how long it waits, and how often it tries."""

from typing import Any, Final, TypeAlias

Driver: TypeAlias = Any
"""A driver of fsspec, which has no types: no two drivers are of one class."""

CONNECT_SECONDS: Final = 5
SILENT_SECONDS: Final = 15
TRIES: Final = 3
