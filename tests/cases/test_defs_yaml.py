"""What YAML takes out of our own `defs.yaml` in silence, or takes literally, is a sentence with its line."""

from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from pipelines.sources import ASSETS, read_sources

WRITTEN = (ASSETS / "charging_hub" / "defs.yaml").read_text("utf-8")
ORGANIZATION = next(line for line in WRITTEN.splitlines() if line.startswith("  organization:"))
FIELD = next(line for line in WRITTEN.splitlines() if line.startswith("    soc_pct:"))


MISTAKES = {
    "an attribute twice": (
        ORGANIZATION,
        f"{ORGANIZATION}\n  organization: other",
        "the key 'organization' is written twice (charging_hub/defs.yaml:{below}): keep one of them",
    ),
    "a field twice, with another quantity": (
        FIELD,
        f"{FIELD}\n    soc_pct: {{ quantity: ratio, unit: pct }}",
        "the key 'soc_pct' is written twice (charging_hub/defs.yaml:{below}): keep one of them",
    ),
    "a template of Dagster's": (
        ORGANIZATION,
        "  organization: '{{ env.ORG }}'",
        "a template is not filled in here, but would be taken literally (charging_hub/defs.yaml:{here}): ",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_yaml_passes_over_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("pipelines.components.source.PROJECT", tmp_path)
    line, instead, says = MISTAKES[name]
    (tmp_path / "charging_hub").mkdir()
    (tmp_path / "charging_hub" / "defs.yaml").write_text(WRITTEN.replace(line, instead, 1))
    here = WRITTEN.splitlines().index(line) + 1
    with pytest.raises(ConfigurationError) as raised:
        read_sources(tmp_path)
    assert str(raised.value).startswith(says.format(here=here, below=here + 1))
