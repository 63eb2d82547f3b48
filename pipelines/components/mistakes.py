"""One error for each mistake in a `defs.yaml`: what is wrong, in which line, and what to write instead."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from domain.errors import ConfigurationError


class Mistake(ValueError):  # noqa: N818  # pydantic wants a ValueError; it never leaves pipelines
    """What a validator found; the file and the line are added later.

    Args:
        culprit: What is wrong, as a clause; `{name}` stands for the attribute. Never a value that could be a secret.
        fix: What to write instead, as a clause.
        attribute: Which attribute is wrong, where pydantic does not know.
    """

    def __init__(self, culprit: str, fix: str, attribute: str = "") -> None:
        super().__init__(culprit)
        self.culprit = culprit
        self.fix = fix
        self.attribute = attribute


class Lines(Protocol):
    """The lines of a document's keys."""

    def line_of(self, path: Iterable[str | int]) -> int:
        """The line of the deepest key of `path` that is written there; lines count from 1."""


def first_mistake(
    error: ValidationError, *, file: Path, lines: Lines, component: str, attributes: Iterable[str]
) -> ConfigurationError:
    """The first mistake that pydantic found, as an error of ours; the value itself is never repeated.

    Args:
        error: Pydantic's error.
        file: The `defs.yaml`, from the top of the checkout.
        lines: The lines of its keys.
        component: The class that its `type` names.
        attributes: What may be written at its top level.
    """
    # A misspelt attribute comes first: the one that is missing is then the same mistake.
    errors = error.errors(include_url=False, include_input=False)
    first, *others = sorted(errors, key=lambda one: one["type"] != "extra_forbidden")
    path = tuple(step for step in first["loc"] if step != "[key]")
    name = ".".join(str(step) for step in path) or "attributes"
    place = f"{file}:{lines.line_of(('attributes', *path))}"
    mistake = first.get("ctx", {}).get("error")
    if isinstance(mistake, Mistake):
        culprit, fix = mistake.culprit.replace("{name}", name), mistake.fix
    elif first["type"] == "extra_forbidden":
        known = list(attributes) if len(path) == 1 else []
        similar = get_close_matches(str(path[-1]), known, n=1)
        culprit = f"{component} has no attribute {name!r}"
        fix = f"did you mean {similar[0]!r}" if similar else f"remove it, or use one of {', '.join(known) or 'its own'}"
    elif first["type"] == "missing":
        culprit, fix = f"the attribute {name!r} is missing", "add it under attributes"
    else:
        message = first["msg"].removeprefix("Input ").removeprefix("Value error, ")
        culprit = f"the attribute {name!r} {message[:1].lower()}{message[1:]}"
        fix = "write it as the template of `dg scaffold defs` shows"
    if others:
        fix += f" (and then there {'is 1 more mistake' if len(others) == 1 else f'are {len(others)} more mistakes'})"
    return ConfigurationError(culprit, place=place, fix=fix)


def raise_mistake(check: Callable[[], object]) -> None:
    """Run `check`, and raise its `ConfigurationError` as a mistake of the file.

    Raises:
        Mistake: It raised one.
    """
    try:
        check()
    except ConfigurationError as error:
        raise Mistake(error.culprit, error.fix) from None
