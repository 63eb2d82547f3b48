"""All twins. Another one is a line here."""

from collections.abc import Mapping
from typing import Any, Final

from sandbox.climkit.twin import Climkit
from sandbox.export_service.twin import ExportService
from sandbox.servitly.twin import Servitly
from sandbox.smart_house.twin import SmartHouse
from sandbox.twin import Twin
from sandbox.voltstorage.twin import VoltStorage

TWINS: Final[tuple[type[Twin[Any]], ...]] = (ExportService, VoltStorage, Climkit, SmartHouse, Servitly)
"""The class of each twin; it is created from its settings."""


def build_twins(settings: Mapping[str, Mapping[str, Any]]) -> list[Twin[Any]]:
    """Every twin, with `settings` (slug → setting → value, as JSON has it) and its own defaults.

    Raises:
        SettingError: A setting is unknown or does not fit.
    """
    return [kind(kind.settings_type().changed(settings.get(kind.slug, {}))) for kind in TWINS]


def variable_of(slug: str, credential: str) -> str:
    """The environment variable with a credential of the twin `slug`, for a sandbox in a process of its own."""
    return f"SANDBOX_{slug}_{credential}".upper()
