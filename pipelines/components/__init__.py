"""The kinds of source that a `defs.yaml` can name: one class for each provider, the rest is `SourceComponent`'s.

`type: pipelines.components.<class>`; `dg scaffold defs pipelines.components.<class> NAME` writes a commented template.
"""

from pipelines.components.climkit import ClimkitSource
from pipelines.components.export_service import ExportServiceSource
from pipelines.components.servitly import ServitlySource
from pipelines.components.smart_house import SmartHouseSource
from pipelines.components.voltstorage import VoltStorageSource

__all__ = ["ClimkitSource", "ExportServiceSource", "ServitlySource", "SmartHouseSource", "VoltStorageSource"]
