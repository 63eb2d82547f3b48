"""Every source of the house, read from its `defs.yaml` before Dagster sees it, so that a mistake is one sentence."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

# The parser that Dagster itself uses on these files; so a line that we name is the line it would name.
from dagster_shared.yaml_utils import parse_yamls_with_source_position
from dagster_shared.yaml_utils.source_position import SourcePositionTree
from pydantic import ValidationError

import pipelines.components
from domain.errors import ConfigurationError
from pipelines.components.mistakes import Mistake, as_sentence
from pipelines.components.source import SourceComponent, named
from pipelines.components.written import check_written
from resources.settings import PROJECT

ASSETS: Final = PROJECT / "assets"
"""The folder with a folder for each source."""

_ROOM: Final = pipelines.components.__name__
_KINDS: Final[dict[str, type[SourceComponent]]] = {
    name: getattr(pipelines.components, name) for name in pipelines.components.__all__
}


def read_sources(folder: Path = ASSETS) -> tuple[SourceComponent, ...]:
    """The sources described below `folder`, in the order of their slugs.

    Documents of other component types are left to Dagster.

    Raises:
        ConfigurationError: A file is no YAML, names an unknown provider, has a wrong attribute, or names a source that
            another file names too.
    """
    found: dict[str, SourceComponent] = {}
    for file in sorted(folder.rglob("defs.yaml")):
        for source in _sources_in(file):
            other = found.setdefault(source.facts.slug, source)
            if other is not source:
                raise ConfigurationError(
                    f"the source {source.facts.slug!r} is described twice",
                    place=f"{source.file} and {other.file}",
                    fix="rename one of the folders, or give one of them a slug of its own",
                )
    return tuple(found[slug] for slug in sorted(found))


def _sources_in(file: Path) -> Iterator[SourceComponent]:
    place = named(file)
    try:
        text = file.read_text("utf-8")
        with contextlib.suppress(yaml.YAMLError):  # the next line says so in the words of the parser that Dagster uses
            check_written(text, place, f"{_ROOM}.")
        documents = parse_yamls_with_source_position(text, str(place))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(
            f"this is no YAML: {error.problem}", place=f"{place}:{line}", fix="correct the line"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError("this is no YAML", place=str(place), fix="save it as UTF-8 text") from None
    for document in documents:
        kind = document.value.get("type") if isinstance(document.value, dict) else None
        if isinstance(kind, str) and kind.startswith(f"{_ROOM}."):
            yield _source(kind.removeprefix(f"{_ROOM}."), document.value, place, _Tree(document.source_position_tree))


def _source(kind: str, document: dict[str, Any], file: Path, lines: "_Tree") -> SourceComponent:
    component = _KINDS.get(kind)
    if component is None:
        raise ConfigurationError(
            f"the provider {kind!r} is unknown",
            place=f"{file}:{lines.line_of(['type'])}",
            fix=f"use one of {', '.join(f'{_ROOM}.{name}' for name in _KINDS)}",
        )
    attributes = component.attributes_type
    try:
        return component.made_from(attributes.model_validate(document.get("attributes") or {}), file)
    except ValidationError as error:
        raise as_sentence(error, file=file, lines=lines, component=kind, attributes=attributes.model_fields) from None
    except Mistake as mistake:
        raise ConfigurationError(
            mistake.culprit, place=f"{file}:{lines.line_of(['attributes'])}", fix=mistake.fix
        ) from None


@dataclass(frozen=True, slots=True)
class _Tree:
    """The positions of one document's keys."""

    root: SourcePositionTree

    def line_of(self, path: Iterable[str | int]) -> int:
        """The line of the deepest key of `path` that is written there."""
        tree = self.root
        for step in path:
            if step not in tree.children:
                break
            tree = tree.children[step]
        return tree.position.start.line
