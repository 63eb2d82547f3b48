"""Which spans the values of a source reach over is read from what its `defs.yaml` samples."""

from pathlib import Path

import pytest

from pipelines.components.climkit import ClimkitSource
from pipelines.components.export_service import ExportServiceSource
from pipelines.components.source import SourceComponent
from pipelines.components.voltstorage import VoltStorageSource

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
