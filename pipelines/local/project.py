"""What the commands share: this checkout, its settings, its warehouse and its sources.

Rooms that take a second to import (Dagster, pandas, SQLAlchemy) are imported where they are needed: `--help` and a
mistyped option answer at once.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.console import refuse
from pipelines.local.sandbox_process import Account, Twin
from resources.settings import PROJECT, Settings
from warehouse.embedded import EmbeddedWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from domain.contract import Provider
    from pipelines.components.source import SourceComponent
    from warehouse.store import TimescaleWarehouse


@dataclass(frozen=True, slots=True)
class House:
    """This checkout and its settings.

    Attributes:
        settings: What the environment says.
    """

    settings: Settings = field(default_factory=Settings)

    @property
    def root(self) -> Path:
        """The top of the checkout."""
        return PROJECT

    @property
    def home(self) -> Path:
        """Where it keeps its own files."""
        return self.settings.home

    @property
    def twin(self) -> Twin:
        """The sandbox of this checkout, running or not."""
        return Twin(self.home, self.root)

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
            IngestError: It cannot be had.
        """
        return self.settings.warehouse_url or self.embedded.start()

    def warehouse_url(self) -> str:
        """The address of the warehouse, its schema checked; the embedded one is started if it does not run.

        Raises:
            IngestError: It cannot be had, or its schema is another's.
        """
        from resources.warehouse import warehouse_address  # noqa: PLC0415 — see the top

        return warehouse_address(self.settings)

    @contextmanager
    def warehouse(self) -> Iterator[TimescaleWarehouse]:
        """The warehouse, open.

        Raises:
            IngestError: See `warehouse_url`.
        """
        from resources.warehouse import opened_warehouse  # noqa: PLC0415 — see the top

        with opened_warehouse(self.settings) as warehouse:
            yield warehouse

    @contextmanager
    def unopened_warehouse(self, url: str) -> Iterator[TimescaleWarehouse]:
        """The warehouse at `url`, which is known to run and to fit; connected when something is asked."""
        from warehouse.store import open_warehouse  # noqa: PLC0415 — see the top

        with open_warehouse(url, self.settings.landing_url) as warehouse:
            yield warehouse

    def sources(self) -> list[Source]:
        """Every source, by slug.

        Raises:
            ConfigurationError: A `defs.yaml` is wrong.
        """
        from pipelines.sources import read_sources  # noqa: PLC0415 — see the top

        return [Source(self, component) for component in read_sources()]

    def source(self, slug: str) -> Source:
        """The source called `slug`; ends the command, naming those there are, when there is none."""
        known = {source.slug: source for source in self.sources()}
        if slug not in known:
            refuse(f"there is no source {slug!r}: use one of {', '.join(known) or 'none so far'}.")
        return known[slug]


@dataclass(frozen=True, slots=True)
class Source:
    """One source of the house.

    Attributes:
        house: Where it is pulled to.
        component: What its `defs.yaml` says.
    """

    house: House
    component: SourceComponent

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
    def account(self) -> Account:
        """What it has to be told before it can ask."""
        named = {name.removesuffix("_env"): variable for name, variable in self.variables.items()}
        return Account(
            source=self.slug,
            provider=self.component.facts.spec.slug,
            addresses=tuple(variable for name, variable in named.items() if name.endswith("url")),
            credentials={name: variable for name, variable in named.items() if not name.endswith("url")},
        )

    @property
    def missing_variables(self) -> list[str]:
        """The variables that it names and that are not set."""
        environment = self.house.settings.environment
        return sorted({name for name in self.variables.values() if not environment.get(name, "").strip()})

    def opened(self) -> Provider:
        """The provider, ready to be asked."""
        return self.component.open(self.house.settings)
