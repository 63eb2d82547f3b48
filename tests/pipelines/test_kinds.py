"""What every kind of source shares: a template, attributes, sentences. No kind is named here."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
import yaml

import pipelines.components
from domain.errors import ConfigurationError
from pipelines.components.source import SourceComponent
from pipelines.sources import read_sources
from resources.settings import PROJECT

KINDS: dict[str, type[SourceComponent]] = {
    name: getattr(pipelines.components, name) for name in pipelines.components.__all__
}
LEFT_OUT = "  # --- Everything below may be left out"


AUTHORITY = trustme.CA()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[SourceComponent]:
    return KINDS[request.param]


def template(kind: type[SourceComponent]) -> str:
    return kind.commented_yaml(f"pipelines.components.{kind.__name__}", "north_roof")


def options(kind: type[SourceComponent]) -> Iterator[tuple[str, str]]:
    """Every attribute that may be left out, and its example, freed of its comment signs."""
    _, _, text = template(kind).partition(LEFT_OUT)
    # A comment that says what follows begins with a capital, an example with an attribute.
    for match in re.finditer(r"^  # ([a-z_]+):.*\n(?:^  #   .*\n)*", text, re.MULTILINE):
        yield match[1], match[0].replace("  # ", "  ")


def read(folder: Path, text: str) -> SourceComponent:
    file = folder / "north_roof" / "defs.yaml"
    file.parent.mkdir(exist_ok=True)
    AUTHORITY.cert_pem.write_to_path(str(file.parent / "authority.pem"))  # which the example of `ca_file` names
    (file.parent / "fields.csv").write_text("field,quantity,unit\nother,power,W\n")  # which that of `fields_file` names
    file.write_text(text, "utf-8")
    [source] = read_sources(folder)
    return source


def test_a_template_as_it_is_written_is_a_sound_source(kind: type[SourceComponent], tmp_path: Path) -> None:
    source = read(tmp_path, template(kind))
    assert type(source) is kind
    assert source.facts.slug == "north_roof"


def test_a_template_shows_every_attribute_once(kind: type[SourceComponent]) -> None:
    needed = list(yaml.safe_load(template(kind))["attributes"])
    shown = needed + [name for name, _ in options(kind)]
    assert sorted(shown) == sorted(kind.attributes_type.model_fields)


def test_the_variables_of_a_template_begin_with_the_sources_name(kind: type[SourceComponent]) -> None:
    attributes = yaml.safe_load(template(kind))["attributes"]
    for name, variable in attributes.items():
        if name.endswith("_env"):
            assert variable == f"NORTH_ROOF_{name.removesuffix('_env').upper()}"
    assert "NAME_" not in template(kind)


def test_all_templates_say_the_same_of_what_all_sources_share() -> None:
    said = {}
    for kind in KINDS.values():
        address = str(kind.attributes_type.model_fields["base_url"].default)
        text = template(kind).replace(address, "ADDRESS").replace(kind.__name__, "KIND")
        first, _, rest = text.partition("attributes:\n")
        end = rest[rest.index("  # Another address than") :]
        said[first.partition("\n")[2], rest.partition('"2025-01-01"')[0], end] = kind
    assert len(said) == 1


def test_every_example_of_a_template_is_sound_and_reaches_its_place(
    kind: type[SourceComponent], tmp_path: Path
) -> None:
    plain = read(tmp_path, template(kind))
    for name, example in options(kind):
        source = read(tmp_path, f"{template(kind)}\n{example}")
        assert (source.facts, source.connection()) != (plain.facts, plain.connection()), name


def test_everything_that_an_account_can_be_told_can_be_written(kind: type[SourceComponent], tmp_path: Path) -> None:
    source = read(tmp_path, template(kind))
    account = source.attributes.account()
    written = [source]
    for _, example in options(kind):
        written.append(read(tmp_path, f"{template(kind)}\n{example}"))
    names = {field.name for field in fields(cast("Any", account))}
    unsaid = names - set(kind.attributes_type.model_fields)
    for name in unsaid:
        values = {repr(getattr(one.attributes.account(), name)) for one in written}
        assert len(values) > 1, f"{name} of the account can be written nowhere"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            "  base_url: http://example.org",
            (
                "the address of the API on example.org is plain http, and credentials would be readable ({line}): "
                "use https; plain http is for loopback addresses alone."
            ),
        ),
        (
            "  base_url: https://example.org\n  base_url_env: ROOF_URL",
            "base_url and base_url_env contradict each other ({top}): keep one of them.",
        ),
        (
            "  base_url_env: hunter2-Xyz",
            (
                "the attribute 'base_url_env' is no name of an environment variable ({line}): "
                "write the variable's name in capitals, such as CHARGING_HUB_CLIENT_SECRET, "
                "and never the secret itself."
            ),
        ),
        (
            "  base_uri: x",
            "{kind} has no attribute 'base_uri' ({line}): did you mean 'base_url'.",
        ),
        (
            "  proxy: http://me:hunter2@proxy.example.com:3128",
            (
                "the proxy is written with a user ({line}): "
                "name the variable that holds it with proxy_env, and no user here."
            ),
        ),
        (
            "  proxy: proxy.example.com:3128",
            (
                "the proxy's address is not one of an HTTP proxy ({line}): write http://host:port, or direct for none; "
                "a user and a password as http://user:password@host:port."
            ),
        ),
        (
            "  proxy: direct\n  proxy_env: ROOF_PROXY",
            "proxy and proxy_env contradict each other ({top}): keep one of them.",
        ),
        (
            "  ca_file: 7",
            (
                "the attribute 'ca_file' should be a valid string ({line}): "
                "write it as the template of `dg scaffold defs` shows."
            ),
        ),
    ],
)
def test_the_same_mistake_is_the_same_sentence_at_every_provider(
    kind: type[SourceComponent], tmp_path: Path, wrong: str, sentence: str
) -> None:
    text = template(kind)
    place = f"{tmp_path / 'north_roof' / 'defs.yaml'}"
    line = text.count("\n") + 1
    top = text[: text.index("attributes:")].count("\n") + 1
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, f"{text}{wrong}\n")
    said = sentence.format(kind=kind.__name__, line=f"{place}:{line}", top=f"{place}:{top}")
    assert str(raised.value) == said


def test_a_source_says_which_proxy_is_its_own() -> None:
    source = next(iter(read_sources()))
    for said in ({"proxy": "http://proxy.example.com:3128"}, {"proxy": "direct"}, {"proxy_env": "ROOF_PROXY"}):
        endpoint = type(source)(source.facts, source.attributes.model_copy(update=said), source.file).endpoint
        assert {"proxy": endpoint.proxy, "proxy_env": endpoint.proxy_env} == {"proxy": None, "proxy_env": None} | said


def test_a_private_authority_is_named_from_the_folder_of_its_source() -> None:
    for source in read_sources():
        changed = source.attributes.model_copy(update={"ca_file": "authority.pem"})
        endpoint = type(source)(source.facts, changed, source.file).endpoint
        assert endpoint.ca_file == PROJECT / source.file.parent / "authority.pem"
