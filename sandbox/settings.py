"""What a person may set about a twin, whether at start, from Python or by HTTP: the part that all twins share."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, ClassVar, Self


class SettingError(ValueError):
    """A switch or a setting was given a name or a value that it cannot have. Its sentence says what it can have."""


@dataclass(frozen=True, slots=True)
class TwinSettings:
    """The settings of one twin: a frozen dataclass whose every field has a default.

    A field that is a secret is declared with `repr=False`, and then never shown. A field whose default is None holds a
    day or nothing. `__post_init__` refuses what cannot be, with a `SettingError`.
    """

    credentials: ClassVar[tuple[str, ...]] = ()
    """The fields by which a client is let in; each may come from the variable `SANDBOX_<SLUG>_<FIELD>`."""

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The same settings with `changes`, which may come from JSON.

        Raises:
            SettingError: A name is unknown, or a value does not fit.
        """
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: _fitted(name, value, known) for name, value in changes.items()})

    def shown(self) -> dict[str, Any]:
        """The settings as JSON can say them, without the secrets."""
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.repr}
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in said.items()}


def _fitted(name: str, value: Any, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a JSON value in, a setting out
    if name not in known:
        raise SettingError(f"there is no setting {name!r}; the settings are {', '.join(known)}.")
    present = known[name]
    if present is None or isinstance(present, date):
        try:
            return date.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            raise SettingError(f"{name} cannot be {value!r}; write it as 2026-06-01.") from None
    if isinstance(present, tuple) and isinstance(value, list | tuple):
        return tuple(map(str, value))
    if isinstance(present, Mapping) and isinstance(value, Mapping):
        return dict(value)
    if isinstance(present, bool) or isinstance(value, bool):
        fits = isinstance(present, bool) and isinstance(value, bool)
    elif isinstance(present, float):
        fits = isinstance(value, int | float)
    else:
        fits = isinstance(value, type(present))
    if not fits:
        raise SettingError(f"{name} cannot be {value!r}; it is of the type {type(present).__name__}.")
    return value
