"""Every source, read from its `defs.yaml` before Dagster sees it, so that a mistake is one error with its line."""

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
from pipelines.components.mistakes import Mistake, first_mistake
from pipelines.components.source import SourceComponent, relative_to_project
from pipelines.components.yaml_checks import check_yaml
from resources.settings import PROJECT

ASSETS: Final = PROJECT / "assets"
"""The folder with a folder for each source."""

_PACKAGE: Final = pipelines.components.__name__
_COMPONENTS: Final[dict[str, type[SourceComponent]]] = {
    name: getattr(pipelines.components, name) for name in pipelines.components.__all__
}


def read_sources(folder: Path = ASSETS) -> tuple[SourceComponent, ...]:
    """The sources described below `folder`, in the order of their slugs.

    Documents of other component types are left to Dagster.

    Raises:
        ConfigurationError: A file is no YAML, names an unknown provider, has a wrong attribute, or names a source that
            another file names too.
    """
    sources: dict[str, SourceComponent] = {}
    for file in sorted(folder.rglob("defs.yaml")):
        for source in _sources_in(file):
            other = sources.setdefault(source.facts.slug, source)
            if other is not source:
                raise ConfigurationError(
                    f"the source {source.facts.slug!r} is described twice",
                    place=f"{source.file} and {other.file}",
                    fix="rename one of the folders, or give one of them a slug of its own",
                )
    return tuple(sources[slug] for slug in sorted(sources))


def _sources_in(file: Path) -> Iterator[SourceComponent]:
    place = relative_to_project(file)
    try:
        text = file.read_text("utf-8")
        with contextlib.suppress(yaml.YAMLError):  # the next line says so in the words of the parser that Dagster uses
            check_yaml(text, place, f"{_PACKAGE}.")
        documents = parse_yamls_with_source_position(text, str(place))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(
            f"this is no YAML: {error.problem}", place=f"{place}:{line}", fix="correct the line"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError("this is no YAML", place=str(place), fix="save it as UTF-8 text") from None
    for document in documents:
        type_name = document.value.get("type") if isinstance(document.value, dict) else None
        if isinstance(type_name, str) and type_name.startswith(f"{_PACKAGE}."):
            yield _source(
                type_name.removeprefix(f"{_PACKAGE}."), document.value, place, _Tree(document.source_position_tree)
            )


def _source(class_name: str, document: dict[str, Any], file: Path, lines: "_Tree") -> SourceComponent:
    component = _COMPONENTS.get(class_name)
    if component is None:
        raise ConfigurationError(
            f"the provider {class_name!r} is unknown",
            place=f"{file}:{lines.line_of(['type'])}",
            fix=f"use one of {', '.join(f'{_PACKAGE}.{name}' for name in _COMPONENTS)}",
        )
    attributes = component.attributes_type
    try:
        return component.from_attributes(attributes.model_validate(document.get("attributes") or {}), file)
    except ValidationError as error:
        raise first_mistake(
            error, file=file, lines=lines, component=class_name, attributes=attributes.model_fields
        ) from None
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
