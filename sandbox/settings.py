"""The settings that all twins share, given at start, from Python or by HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, ClassVar, Self

from domain.records import Json


class SettingError(ValueError):
    """A switch or a setting has a name or a value that is not possible. The sentence says what is possible."""


@dataclass(frozen=True, slots=True)
class TwinSettings:
    """The settings of one twin: a frozen dataclass whose every field has a default.

    A secret is a field with `repr=False`, and is never shown. A field whose default is None holds a day or nothing.
    """

    credentials: ClassVar[tuple[str, ...]] = ()
    """The fields by which a client is let in; each may come from the variable `SANDBOX_<SLUG>_<FIELD>`."""

    choices: ClassVar[Mapping[str, Sequence[object]]] = {}
    """Field → the values that it can have; of a list or a mapping, the values that each element can have."""

    def __post_init__(self) -> None:
        """Refuse impossible values.

        Raises:
            SettingError: A value is not one of `choices`, or `check` refuses it.
        """
        for name, known in self.choices.items():
            value = getattr(self, name)
            elements = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else (value,)
            if not set(elements) <= set(known) or value == ():
                possible = ", ".join(map(str, known))
                raise SettingError(f"{name} cannot be {value!r}; it is one of {possible}.")
        self.check()

    def check(self) -> None:
        """Refuse what else is impossible, such as a number out of range, with a `SettingError`."""

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The same settings with `changes`, which may come from JSON.

        Raises:
            SettingError: A name is unknown, or a value does not fit.
        """
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: _fitted(name, value, known) for name, value in changes.items()})

    def shown(self) -> dict[str, Any]:
        """The settings as JSON, without the secrets."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.repr}
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def day_from(name: str, text: str) -> date:
    """A day as ISO 8601 writes it.

    Raises:
        SettingError: It is written differently; the sentence begins with `name`.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingError(f"{name} cannot be {text!r}; write it as 2026-06-01.") from None


def has_type_of(value: object, example: object) -> bool:
    """Whether `value` has the type of `example`; an int also fits a float, and a bool only a bool."""
    if isinstance(value, bool) or isinstance(example, bool):
        return isinstance(value, bool) and isinstance(example, bool)
    return isinstance(value, int | float if isinstance(example, float) else type(example))


def _fitted(name: str, value: Json, known: Mapping[str, Json]) -> Json:
    if name not in known:
        raise SettingError(f"there is no setting {name!r}; the settings are {', '.join(known)}.")
    present = known[name]
    if present is None or isinstance(present, date):
        return day_from(name, value) if isinstance(value, str) else value
    if isinstance(present, tuple) and isinstance(value, list | tuple):
        return tuple(map(str, value))
    if isinstance(present, Mapping) and isinstance(value, Mapping):
        return dict(value)
    if not has_type_of(value, present):
        raise SettingError(f"{name} cannot be {value!r}; it is of the type {type(present).__name__}.")
    return value
