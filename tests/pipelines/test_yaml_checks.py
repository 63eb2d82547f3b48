"""What YAML would take out of a `defs.yaml` in silence, or make of it, is a sentence with the line."""

import time
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from pipelines.components import ExportServiceSource
from pipelines.components.yaml_checks import check_yaml
from pipelines.sources import ASSETS, read_sources

GOOD = """\
type: pipelines.components.ExportServiceSource
attributes:
  description: "A hub."
  first_day: 2025-01-01
  organization: audicharginghub
  base_url: https://example.org
  client_id_env: HUB_CLIENT_ID
  client_secret_env: HUB_CLIENT_SECRET
  fields:
    soc: { quantity: state_of_charge, unit: pct }
    energy_kWh:
      quantity: energy_register
      unit: kWh
"""

TWICE = "the key {!r} is written twice (hub/defs.yaml:{}): keep one of them: the other is in line {}."
TEMPLATE = (
    "a template is not filled in here, but would be taken literally (hub/defs.yaml:{}): write the value itself; for an "
    "address or a credential write the name of its environment variable, into the attribute that ends in _env."
)
NO_TEXT = "the key {!r} is no text to YAML but of type {} (hub/defs.yaml:{}): put it in quotes."
NUMBER = "YAML reads {} as the number {} (hub/defs.yaml:{}): write the number plainly, or in quotes if it is a text."

WRONG = {
    "an attribute twice": (
        "  organization:",
        "  organization: other\n  organization:",
        TWICE.format("organization", 6, 5),
    ),
    "an attribute twice, once in quotes": (
        "  base_url:",
        '  "organization": x\n  base_url:',
        TWICE.format("organization", 6, 5),
    ),
    "an attribute twice, with the same value": (
        "  fields:",
        "  first_day: 2025-01-01\n  fields:",
        TWICE.format("first_day", 9, 4),
    ),
    "a field twice, with another quantity": (
        "    energy_kWh:",
        "    soc: { quantity: ratio, unit: pct }\n    energy_kWh:",
        TWICE.format("soc", 11, 10),
    ),
    "a unit twice": ("      unit: kWh", "      unit: kWh\n      unit: Wh", TWICE.format("unit", 14, 13)),
    "a unit twice in one line": (
        "unit: pct }",
        "unit: pct, unit: ratio }",
        "the key 'unit' is written twice (hub/defs.yaml:10): keep one of them.",
    ),
    "the attributes twice": ("type: ", "attributes: {}\ntype: ", TWICE.format("attributes", 3, 1)),
    "the type twice": ("type: ", "type: dagster.PythonScriptComponent\ntype: ", TWICE.format("type", 2, 1)),
    "two merges": (
        "  fields:\n",
        "  fields:\n    one: &one { quantity: power }\n    two: { <<: *one, <<: *one, unit: W }\n",
        "the key '<<' is written twice (hub/defs.yaml:11): write <<: [*one, *other].",
    ),
    "Dagster's template": ("audicharginghub", "'{{ env.ORG }}'", TEMPLATE.format(5)),
    "Dagster's template without quotes": ("audicharginghub", "{{ env.ORG }}", TEMPLATE.format(5)),
    "a template within a text": ("https://example.org", "https://{{env.HOST}}/api", TEMPLATE.format(6)),
    "a template over two lines": ("audicharginghub", '"{{ env\n    .ORG }}"', TEMPLATE.format(5)),
    "a template in a key": ("    energy_kWh:", "    '{{ name }}':", TEMPLATE.format(11)),
    "a statement of a template": ("audicharginghub", "'{% if x %}a{% endif %}'", TEMPLATE.format(5)),
    "a shell's variable": ("audicharginghub", "${ORG}", TEMPLATE.format(5)),
    "a comment of a template": ("audicharginghub", "'{# the hub #}hub'", TEMPLATE.format(5)),
    "a shell's variable with a default": ("audicharginghub", '"${ORG:-hub}"', TEMPLATE.format(5)),
    "a variable in a makefile's way": ("audicharginghub", "$(ORG)", TEMPLATE.format(5)),
    "no for a key": ("    energy_kWh:", "    no:", NO_TEXT.format("no", "bool", 11)),
    "a number for a key": ("    energy_kWh:", "    017:", NO_TEXT.format("017", "int", 11)),
    "nothing for a key": ("    energy_kWh:", "    ~:", NO_TEXT.format("~", "null", 11)),
}

NUMBERS = {"0123": "83", "1_000": "1000", "12:30": "750", "0x1F": "31", "0b11": "3", "1_0.5": "10.5", "1:30.5": "90.5"}

VOLT = """\
type: pipelines.components.VoltStorageSource
attributes:
  description: "Batteries."
  first_day: 2025-01-01
  username_env: VOLT_NAME
  password_env: VOLT_PASSWORD
  tz_minutes: {}
"""


def described(folder: Path, text: str) -> None:
    (folder / "hub").mkdir()
    (folder / "hub/defs.yaml").write_text(text)


@pytest.fixture(autouse=True)
def _from_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.components.source.PROJECT", tmp_path)


@pytest.mark.parametrize("name", WRONG)
def test_what_yaml_would_pass_over_is_a_sentence_with_the_line(name: str, tmp_path: Path) -> None:
    old, new, sentence = WRONG[name]
    assert old in GOOD
    described(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as raised:
        read_sources(tmp_path)
    assert str(raised.value) == sentence


@pytest.mark.parametrize("written", NUMBERS)
def test_a_number_that_yaml_reads_as_another_is_a_sentence(written: str, tmp_path: Path) -> None:
    described(tmp_path, VOLT.format(written))
    with pytest.raises(ConfigurationError) as raised:
        read_sources(tmp_path)
    assert str(raised.value) == NUMBER.format(written, NUMBERS[written], 7)


@pytest.mark.parametrize("written", ["0", "10", "-3", "+3"])
def test_a_plain_number_is_what_it_is(written: str, tmp_path: Path) -> None:
    described(tmp_path, VOLT.format(written))
    [source] = read_sources(tmp_path)
    assert source.attributes.model_dump()["tz_minutes"] == int(written)


def test_one_key_in_two_places_anchors_and_a_merge_that_is_overruled_are_sound(tmp_path: Path) -> None:
    lines = (
        "    one: &register { quantity: energy_register, unit: kWh }\n"
        "    two: *register\n"
        "    three: { <<: *register, unit: Wh }\n"
        "    'no': *register\n"
        "    brace{x}: *register\n"
    )
    described(tmp_path, GOOD + lines + "  site: '50 % {of all}, $5'\n")
    [source] = read_sources(tmp_path)
    assert isinstance(source, ExportServiceSource)
    assert source.facts.fields["two"] == ("energy_register", "kWh")
    assert source.facts.fields["three"] == ("energy_register", "Wh")
    assert source.facts.fields["no"] == ("energy_register", "kWh")


def test_a_second_document_is_looked_through_and_other_components_are_left_to_dagster(tmp_path: Path) -> None:
    other = "type: dagster.PythonScriptComponent\nattributes: { a: '{{ env.A }}', a: 2 }\n---\n"
    described(tmp_path, other + GOOD.replace("audicharginghub", "'{{ env.ORG }}'"))
    with pytest.raises(ConfigurationError, match=r"template .*defs\.yaml:8\)"):
        read_sources(tmp_path)


def test_aliases_that_multiply_are_looked_at_once() -> None:
    levels = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    text = f"type: pipelines.components.ExportServiceSource\nattributes:\n  l0: &l0 [x]\n{levels}"
    began = time.monotonic()
    check_yaml(text, Path("defs.yaml"), "pipelines.")
    assert time.monotonic() - began < 2


def test_what_ships_is_sound_and_looked_through_in_a_moment() -> None:
    texts = [(file.read_text("utf-8"), file) for file in ASSETS.rglob("defs.yaml")]
    began = time.process_time()
    for _ in range(40):
        for text, file in texts:
            check_yaml(text, file, "pipelines.components.")
    assert time.process_time() - began < 1  # 200 files; 0.05 s where it was measured


def test_the_schema_of_dg_check_yaml_knows_templates_too() -> None:
    schema = ExportServiceSource.get_model_cls().model_json_schema()
    for text in (schema["properties"]["organization"], schema["$defs"]["Meaning"]["properties"]["unit"]):
        assert "taken literally: write the value itself" in text["not"]["description"]
        assert text["not"]["pattern"] == r"\{\{[\s\S]*?\}\}"
    assert "not" not in schema["properties"]["retired"]
