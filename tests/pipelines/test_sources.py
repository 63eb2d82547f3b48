"""A `defs.yaml` made wrong in many ways gives as many sentences, each with culprit, file, line and fix.

Which spans the values of a source reach over is read from what its `defs.yaml` samples.
"""

from datetime import date
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from pipelines.components.climkit import ClimkitSource
from pipelines.components.export_service import ExportServiceSource
from pipelines.components.source import SourceComponent
from pipelines.components.voltstorage import VoltStorageSource
from pipelines.sources import ASSETS, read_sources

GOOD = """\
type: pipelines.components.ExportServiceSource
attributes:
  description: "A hub."
  first_day: "2025-01-01"
  organization: audicharginghub
  base_url: https://example.org
  client_id_env: HUB_CLIENT_ID
  client_secret_env: HUB_CLIENT_SECRET
"""

WRONG = {
    "an unknown key": (
        ("organization:", "organisation:"),
        (
            "ExportServiceSource has no attribute 'organisation' (hub/defs.yaml:5): did you mean 'organization' "
            "(and then there is 1 more mistake)."
        ),
    ),
    "a wrong type": (
        ('first_day: "2025-01-01"', "first_day: 2025"),
        (
            "the attribute 'first_day' should be a valid date (hub/defs.yaml:4): "
            "write it as the template of `dg scaffold defs` shows."
        ),
    ),
    "a missing secret": (
        ("  client_secret_env: HUB_CLIENT_SECRET\n", ""),
        "the attribute 'client_secret_env' is missing (hub/defs.yaml:2): add it under attributes.",
    ),
    "a secret instead of a name": (
        ("HUB_CLIENT_SECRET", "hunter2-Xyz"),
        (
            "the attribute 'client_secret_env' is no name of an environment variable (hub/defs.yaml:8): "
            "write the variable's name in capitals, such as CHARGING_HUB_CLIENT_SECRET, and never the secret itself."
        ),
    ),
    "no such day": (
        ("2025-01-01", "2025-02-30"),
        "'2025-02-30' is not a day (hub/defs.yaml:4): write it as 2025-01-31.",
    ),
    "a day in the future": (
        ("2025-01-01", "2125-01-01"),
        "first_day 2125-01-01 is in the future (hub/defs.yaml:4): name the first UTC day that has data.",
    ),
    "a day before the provider's first": (
        ("2025-01-01", "2001-01-01"),
        (
            "first_day 2001-01-01 lies before the first day of the SDK Export Service, 2023-01-01 (hub/defs.yaml:2): "
            "write 2023-01-01 or later."
        ),
    ),
    "an authority that is not there": (
        ("  client_secret_env:", "  ca_file: none.pem\n  client_secret_env:"),
        (
            "the file none.pem (ca_file) does not exist (hub/defs.yaml:2): "
            "lay the authority's PEM file beside this defs.yaml, and name it from there."
        ),
    ),
    "an authority that is none": (
        ("  client_secret_env:", "  ca_file: defs.yaml\n  client_secret_env:"),
        (
            "the file defs.yaml (ca_file) holds no certificate that can be read (hub/defs.yaml:2): "
            "lay the authority's PEM file beside this defs.yaml, and name it from there."
        ),
    ),
    "an unknown provider": (
        ("ExportServiceSource", "SmartMouseSource"),
        ("the provider 'SmartMouseSource' is unknown (hub/defs.yaml:1): use one of pipelines.components."),
    ),
    "a plain-http address": (
        ("https://", "http://"),
        (
            "the address of the API on example.org is plain http, and credentials would be readable (hub/defs.yaml:6): "
            "use https; plain http is for loopback addresses alone."
        ),
    ),
    "an unknown unit": (
        ("  organization", "  fields:\n    P: {quantity: power, unit: lightyear}\n  organization"),
        (
            "the unit 'lightyear' is unknown (hub/defs.yaml:6): "
            "use one that becomes W (mW, W, kW, MW, GW), or add it to domain/quantities.py."
        ),
    ),
    "an unknown quantity": (
        ("  organization", "  fields:\n    P: {quantity: mood, unit: kW}\n  organization"),
        "the quantity 'mood' is unknown (hub/defs.yaml:6): use one of",
    ),
    "a bad schedule": (
        ("  organization", "  schedule: every day\n  organization"),
        "the schedule 'every day' is no cron expression (hub/defs.yaml:5): write five fields, such as 30 4 * * *.",
    ),
    "a schedule that leaves out days": (
        ("  organization", '  schedule: "0 4 * * 1"\n  organization'),
        "the schedule '0 4 * * 1' leaves out days (hub/defs.yaml:5): let it come at least once a day, or write null.",
    ),
    "a retirement that is none": (
        ("  organization", "  retired: maybe\n  organization"),
        "the attribute 'retired' should be a valid boolean (hub/defs.yaml:5): write it as",
    ),
    "an owner that is nobody": (
        ("  organization", "  owners: [somebody]\n  organization"),
        "the owner 'somebody' is nobody (hub/defs.yaml:5): write an e-mail address, or team:<name>.",
    ),
    "two addresses": (
        ("  organization", "  base_url_env: HUB_URL\n  organization"),
        "base_url and base_url_env contradict each other (hub/defs.yaml:2): keep one of them.",
    ),
    "a name that cannot be a source's": (
        ("  organization", "  slug: My Hub\n  organization"),
        (
            "'My Hub' cannot be the name of a source (hub/defs.yaml:5): "
            "use small letters, digits and single underscores, at most 40."
        ),
    ),
    "a limit that leaves nothing": (
        ("  organization", "  limits: {'roof/P': {least: 5, most: 1}}\n  organization"),
        "the limit's least 5 is above its most 1 (hub/defs.yaml:5): exchange them.",
    ),
    "no YAML": (
        ("attributes:", "attributes: ["),
        "this is no YAML: expected ',' or ']', but got '<scalar>' (hub/defs.yaml:4): correct the line.",
    ),
    "no attributes": (
        (GOOD[GOOD.index("attributes") :], ""),
        "the attribute 'description' is missing (hub/defs.yaml:1): add it under attributes",
    ),
}


def described(folder: Path, text: str, name: str = "hub") -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "defs.yaml").write_text(text, "utf-8")


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_said_in_one_sentence(mistake: str, tmp_path: Path) -> None:
    (old, new), expected = WRONG[mistake]
    assert old in GOOD
    described(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigurationError) as raised:
        read_sources(tmp_path)
    said = str(raised.value).replace(f"{tmp_path}/", "")
    assert said.startswith(expected)
    assert "\n" not in said
    assert "hunter2" not in said


def test_one_name_for_two_sources_names_both_files(tmp_path: Path) -> None:
    described(tmp_path, GOOD)
    described(tmp_path, GOOD.replace("attributes:", "attributes:\n  slug: hub"), "other")
    with pytest.raises(ConfigurationError) as raised:
        read_sources(tmp_path)
    assert str(raised.value).replace(f"{tmp_path}/", "") == (
        "the source 'hub' is described twice (other/defs.yaml and hub/defs.yaml): "
        "rename one of the folders, or give one of them a slug of its own."
    )


def test_two_accounts_at_one_provider_are_two_sources(tmp_path: Path) -> None:
    described(tmp_path, GOOD)
    described(tmp_path, GOOD.replace("HUB_", "YARD_"), "yard")
    hub, yard = read_sources(tmp_path)
    assert (hub.facts.slug, yard.facts.slug) == ("hub", "yard")
    assert hub.facts.spec is yard.facts.spec


def test_other_components_are_left_to_dagster(tmp_path: Path) -> None:
    described(tmp_path, "type: dagster.PythonScriptComponent\nattributes: {}\n")
    assert read_sources(tmp_path) == ()


def test_what_is_left_out_has_its_documented_default(tmp_path: Path) -> None:
    described(tmp_path, GOOD.replace("  base_url: https://example.org\n", ""))
    [source] = read_sources(tmp_path)
    assert isinstance(source, ExportServiceSource)
    assert source.facts.schedule == "33 4 * * *"  # of that name
    assert source.connection().endpoint.base_url == "https://app.sdk-cloud.de"
    assert source.connection().account.products is None


def test_a_schedule_that_is_written_is_what_it_is(tmp_path: Path) -> None:
    for name, written in {"hub": "30 4 * * *", "yard": "0 */6 * * *"}.items():
        described(tmp_path, GOOD + f'  schedule: "{written}"\n', name)
    assert [source.facts.schedule for source in read_sources(tmp_path)] == ["30 4 * * *", "0 */6 * * *"]


def test_what_is_possible_of_a_series_is_said_by_its_key(tmp_path: Path) -> None:
    described(tmp_path, GOOD + "  limits: {roof/P: {least: 0, most: 12000}, '*/soc': {most: 1}}\n")
    [source] = read_sources(tmp_path)
    assert source.facts.limits == {"roof/P": (0.0, 12000.0), "*/soc": (None, 1.0)}


def test_a_source_that_has_gone_for_good_is_retired_by_one_line(tmp_path: Path) -> None:
    described(tmp_path, GOOD + "  retired: true\n")
    [source] = read_sources(tmp_path)
    assert source.facts.is_retired
    assert source.facts.schedule is None
    assert not source.facts.spec.is_retired


def test_the_source_that_ships_is_sound() -> None:
    [hub] = [source for source in read_sources(ASSETS) if source.facts.slug == "charging_hub"]
    assert hub.facts.first_day == date(2025, 1, 1)
    assert hub.facts.fields["energy_kWh"] == ("energy_register", "kWh")


WHO = {"username_env": "HOUSE_USERNAME", "password_env": "HOUSE_PASSWORD"}
HUB = {"organization": "hub", "client_id_env": "HUB_CLIENT_ID", "client_secret_env": "HUB_CLIENT_SECRET"}


@pytest.mark.parametrize(
    ("kind", "attributes", "spans"),
    [
        (ClimkitSource, WHO, ()),
        (ClimkitSource, {**WHO, "sampling_frequencies": ["15T", "D", "M", "Y"]}, ("day", "month", "year")),
        (VoltStorageSource, WHO, ()),
        (VoltStorageSource, {**WHO, "statistics": ["day", "month"]}, ("month",)),
        (ExportServiceSource, {**HUB, "base_url": "https://example.org"}, ()),
    ],
)
def test_the_facts_say_over_which_spans_values_reach(
    kind: type[SourceComponent], attributes: dict[str, object], spans: tuple[str, ...]
) -> None:
    written = kind.attributes_type.model_validate({"description": "A.", "first_day": "2025-01-01", **attributes})
    assert kind.from_attributes(written, Path("roof/defs.yaml")).facts.spans == spans
