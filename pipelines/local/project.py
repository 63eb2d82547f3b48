"""What the commands share: this checkout, its settings, its warehouse and its sources.

Dagster takes a second to import, and is imported by the commands that read sources: `--help` and a mistyped option
answer at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from domain.contract import Provider
from pipelines.console import refuse
from pipelines.local.sandbox_process import SandboxBinding, SandboxProcess
from resources.settings import Settings
from resources.warehouse import embedded_restart, warehouse_address
from warehouse.availability import PATIENCE_SECONDS
from warehouse.embedded import EmbeddedWarehouse
from warehouse.landing import Landing
from warehouse.store import TimescaleWarehouse, open_warehouse

if TYPE_CHECKING:
    from pipelines.components.source import SourceComponent


@dataclass(frozen=True, slots=True)
class Project:
    """This checkout and its settings.

    Attributes:
        settings: The settings that the environment holds.
    """

    settings: Settings = field(default_factory=Settings)

    @property
    def home(self) -> Path:
        """Where it keeps its own files."""
        return self.settings.home

    @property
    def sandbox(self) -> SandboxProcess:
        """The sandbox of this checkout, running or not."""
        return SandboxProcess(self.home)

    @property
    def inherited(self) -> dict[str, str]:
        """The environment that children get."""
        return self.settings.inherited

    @property
    def is_external(self) -> bool:
        """Whether `WAREHOUSE_URL` names the warehouse."""
        return self.settings.warehouse_url is not None

    @property
    def embedded(self) -> EmbeddedWarehouse:
        """The embedded warehouse, running or not."""
        return EmbeddedWarehouse(self.home, cache=self.settings.cache)

    def server_url(self) -> str:
        """The address of the warehouse, whatever its schema; the embedded one is started if it does not run.

        Raises:
            IngestError: It does not come up.
        """
        return self.settings.warehouse_url or self.embedded.start()

    def warehouse_url(self) -> str:
        """The address of the warehouse, its schema checked; the embedded one is started if it does not run.

        Raises:
            IngestError: It does not come up, or it has another schema.
        """
        return warehouse_address(self.settings)

    @contextmanager
    def warehouse(
        self, url: str = "", *, landing: Landing | None = None, patience_seconds: float = PATIENCE_SECONDS
    ) -> Iterator[TimescaleWarehouse]:
        """The warehouse, connected when something is asked.

        Args:
            url: Where it is, if it is known to run and to fit.
            landing: Its landing zone, if it is another than `LANDING_URL` names.
            patience_seconds: How long it is waited for, should it be away meanwhile.

        Raises:
            IngestError: See `warehouse_url`.
        """
        url = url or self.warehouse_url()
        self.settings.lend_proxy()
        with open_warehouse(
            url,
            landing or self.settings.landing_url,
            patience_seconds=patience_seconds,
            restart=embedded_restart(self.settings, url),
        ) as warehouse:
            yield warehouse

    def sources(self) -> "list[Source]":
        """Every source, by slug.

        Raises:
            ConfigurationError: A `defs.yaml` is wrong.
        """
        from pipelines.sources import read_sources  # noqa: PLC0415 — see the top

        return [Source(self, component) for component in read_sources()]

    def source(self, slug: str) -> "Source":
        """The source called `slug`; ends the command, naming those there are, when there is none."""
        sources = {source.slug: source for source in self.sources()}
        if slug not in sources:
            refuse(f"there is no source {slug!r}: use one of {', '.join(sources) or 'none so far'}.")
        return sources[slug]


@dataclass(frozen=True, slots=True)
class Source:
    """One source of the project.

    Attributes:
        project: The checkout and its settings.
        component: What its `defs.yaml` says.
    """

    project: Project
    component: "SourceComponent"

    @property
    def slug(self) -> str:
        """Its name everywhere."""
        return self.component.facts.slug

    @property
    def first_day(self) -> date:
        """The first UTC day worth asking for."""
        return self.component.facts.first_day

    @property
    def file(self) -> str:
        """Its `defs.yaml`, from the top of the checkout."""
        return str(self.component.file)

    @property
    def variables(self) -> dict[str, str]:
        """Attribute → the environment variable that it names."""
        attributes = self.component.attributes.model_dump()
        return {name: value for name, value in attributes.items() if name.endswith("_env") and value}

    @property
    def sandbox_binding(self) -> SandboxBinding:
        """The variables by which it can be pointed at the sandbox."""
        variables = {name.removesuffix("_env"): variable for name, variable in self.variables.items()}
        return SandboxBinding(
            source=self.slug,
            provider=self.component.facts.spec.slug,
            addresses=tuple(variable for name, variable in variables.items() if name.endswith("url")),
            credentials={name: variable for name, variable in variables.items() if not name.endswith("url")},
        )

    @property
    def missing_variables(self) -> list[str]:
        """The variables that it names and that are not set."""
        environment = self.project.settings.environment
        return sorted({name for name in self.variables.values() if not environment.get(name, "").strip()})

    def open(self) -> Provider:
        """The provider, ready to be asked."""
        return self.component.open(self.project.settings)
