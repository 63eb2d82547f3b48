"""Every source, read from its `defs.yaml` before Dagster sees it, so that a mistake is one error with its line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

import pipelines.components
from domain.errors import ConfigurationError
from pipelines.components.mistakes import Mistake, first_mistake
from pipelines.components.source import SourceComponent, relative_to_project
from pipelines.components.yaml_checks import check_yaml, line_of
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
        documents = check_yaml(file.read_text("utf-8"), place, f"{_PACKAGE}.")
        for document in documents:
            yield _source(yaml.constructor.SafeConstructor().construct_document(document), place, _Lines(document))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(
            f"this is no YAML: {error.problem}", place=f"{place}:{line}", fix="correct the line"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError("this is no YAML", place=str(place), fix="save it as UTF-8 text") from None


def _source(document: dict[str, object], file: Path, lines: "_Lines") -> SourceComponent:
    class_name = str(document["type"]).removeprefix(f"{_PACKAGE}.")
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
            mistake.culprit, place=f"{file}:{lines.line_of(['attributes', mistake.attribute])}", fix=mistake.fix
        ) from None


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of one document's keys."""

    document: yaml.MappingNode

    def line_of(self, path: Iterable[str | int]) -> int:
        """The line of the deepest key of `path` that is written there."""
        return line_of(self.document, path)
