"""What YAML drops from a `defs.yaml` or changes in silence: each becomes an error that names the line.

YAML keeps the last of two equal keys, reads `no` as a truth value, `0123` as eighty-three and `12:30` as 750; and
Dagster's templates are resolved in its own components, but not in ours. The tree of nodes still shows what was written.
It is built by libyaml, in a twentieth of the time that Dagster's own reader takes.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, cast

import yaml
from dagster_shared.yaml_utils import DagsterYamlLoader

from domain.errors import ConfigurationError

_LOADER: Final = cast("type[yaml.SafeLoader]", type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {}))
# A day stays the text that it was written as, as it does for Dagster.
_LOADER.yaml_implicit_resolvers = DagsterYamlLoader.yaml_implicit_resolvers
_TAG: Final = "tag:yaml.org,2002:"

_TEMPLATE: Final = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\$\{[A-Za-z_]\w*(?::?[-+=?][^}]*)?\}|\$\(\w+\)", re.DOTALL
)
_PLAIN: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9]+")

TEMPLATE: Final = "a template is not filled in here, but would be taken literally"
BY_NAME: Final = (
    "write the value itself; for an address or a credential write the name of its environment variable,"
    " into the attribute that ends in _env"
)


def check_yaml(text: str, place: Path, type_prefix: str) -> list[yaml.MappingNode]:
    """Check one file.

    Args:
        text: The file.
        place: Its name, for the error.
        type_prefix: The beginning of the `type` of our own documents; others are left to Dagster.

    Returns:
        Our own documents, as nodes that know their lines.

    Raises:
        YAMLError: It is no YAML after all.
        ConfigurationError: YAML drops or changes something; the error names the line.
    """
    ours: list[yaml.MappingNode] = []
    for document in _composed(text):
        if not isinstance(document, yaml.MappingNode):
            continue
        parts = [(key.value, value) for key, value in document.value]
        if not any(key == "type" and str(value.value).startswith(type_prefix) for key, value in parts):
            continue
        for node in _nodes(document):
            _check_keys(node, place)
        for node in (node for key, value in parts if key == "attributes" for node in _nodes(value)):
            _check_value(node, place)
        ours.append(document)
    return ours


def is_template(text: str) -> bool:
    """Whether a text has a part that somebody may expect to be filled in."""
    return _TEMPLATE.search(text) is not None


def line_of(document: yaml.MappingNode, path: Iterable[str | int]) -> int:
    """The line of the deepest key of `path` that is written in `document`; lines count from 1."""
    line: int = document.start_mark.line
    node: yaml.Node = document
    for step in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in reversed(pairs) if key.value == step), None)
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return line + 1


def _composed(text: str) -> list[yaml.Node]:
    """The documents, by libyaml; where it finds a mistake, by the reader that Dagster has, whose words say it."""
    try:
        return list(yaml.compose_all(text, Loader=_LOADER))
    except yaml.YAMLError:
        return list(yaml.compose_all(text, Loader=DagsterYamlLoader))


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node below `root`, once however often it is pointed at."""
    seen, waiting = set[int](), [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in reversed(node.value) for part in reversed(pair)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)


def _check_keys(node: yaml.Node, place: Path) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise _template_error(place, line)  # {{ x }} without quotes is a mapping whose key is a mapping
        first = lines.get((key.tag, key.value))
        lines[key.tag, key.value] = line
        if first is not None:
            fix = "keep one of them" + (f": the other is in line {first}" if first != line else "")
            if key.tag == f"{_TAG}merge":
                fix = "write <<: [*one, *other]"
            raise ConfigurationError(f"the key {key.value!r} is written twice", place=f"{place}:{line}", fix=fix)


def _check_value(node: yaml.Node, place: Path) -> None:
    """Refuse a template, a key that is no text, and a number that YAML reads as another."""
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            if key.tag not in {f"{_TAG}str", f"{_TAG}merge"}:
                type_name = key.tag.removeprefix(_TAG)
                raise ConfigurationError(
                    f"the key {key.value!r} is no text to YAML but of type {type_name}",
                    place=f"{place}:{key.start_mark.line + 1}",
                    fix="put it in quotes",
                )
    elif isinstance(node, yaml.ScalarNode):
        if node.tag == f"{_TAG}str" and is_template(node.value):
            raise _template_error(place, line)
        if node.tag in {f"{_TAG}int", f"{_TAG}float"} and not _PLAIN.fullmatch(node.value):
            value = yaml.load(node.value, Loader=_LOADER)  # noqa: S506  # a safe loader, of one number
            raise ConfigurationError(
                f"YAML reads {node.value} as the number {value}",
                place=f"{place}:{line}",
                fix="write the number plainly, or in quotes if it is a text",
            )


def _template_error(place: Path, line: int) -> ConfigurationError:
    return ConfigurationError(TEMPLATE, place=f"{place}:{line}", fix=BY_NAME)
