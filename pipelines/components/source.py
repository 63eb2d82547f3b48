"""What every source has in common, whatever its provider: facts, assets, checks, a job and a schedule.

Beside it the commented `defs.yaml` that `dg scaffold defs` writes: the attributes of all sources, and those of its own.
"""

import re
import ssl
from abc import abstractmethod
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any, ClassVar, Final, Self

import dagster as dg
from dagster.components import Scaffolder, ScaffoldRequest
from pydantic import BaseModel

from assets.checks import source_checks
from assets.factory import source_assets
from assets.source import KnownDead, SourceFacts, Tolerance
from domain.contract import Provider
from domain.errors import ConfigurationError
from domain.records import ProviderSpec
from pipelines.components.attributes import SourceAttributes
from pipelines.components.fields_file import with_fields_file
from pipelines.components.mistakes import Mistake
from pipelines.components.slugs import checked_slug
from pipelines.schedules import nightly, source_job, trailing_schedule
from resources.connection import ConnectionConfig
from resources.endpoint import Endpoint
from resources.provider import LazyProvider
from resources.settings import PROJECT, Settings
from resources.step_resources import provider_resource

_HERE: Final = Path(__file__).parent
_OPTIONAL_MARKER: Final = "  # --- Everything below may be left out"
"""The line of a provider's template that separates its required attributes from the optional ones below."""


class SourceTemplate(Scaffolder[Any]):
    """Writes a commented `defs.yaml`, in which nothing but the account has to be filled in."""

    def scaffold(self, request: ScaffoldRequest[Any]) -> None:
        """Write it, and refuse what cannot be a source.

        Raises:
            ConfigurationError: The name cannot be a source's, there is one already, or Python was asked for.
        """
        file = request.target_path / "defs.yaml"
        name = request.target_path.name
        if request.scaffold_format != "yaml" or request.append or file.exists():
            raise ConfigurationError(
                "a source is a new defs.yaml", place=str(file), fix="scaffold YAML into a folder that has none"
            )
        try:
            checked_slug(name)
        except Mistake as mistake:
            raise ConfigurationError(mistake.culprit, place=str(file), fix=mistake.fix) from None
        module, _, class_name = request.type_name.rpartition(".")
        component = getattr(import_module(module), class_name)
        file.write_text(component.commented_yaml(request.type_name, name), "utf-8")


def template_text(*, slug: str, type_name: str, provider: str, summary: str, base_url: str) -> str:
    """The commented `defs.yaml` of a source called `slug`.

    `source.template.yaml` holds what all sources share; `<provider>.template.yaml` the attributes that only this
    provider has. `NAME_` in both stands for how the source's variables begin.

    Args:
        slug: The source's name.
        type_name: The value of `type`.
        provider: The provider's slug.
        summary: A sentence about the component, for the comment at the top.
        base_url: The provider's address.
    """
    own = (_HERE / f"{provider}.template.yaml").read_text("utf-8")
    required, _, remainder = own.partition(_OPTIONAL_MARKER)
    options = remainder.partition("\n")[2]
    shared = Template((_HERE / "source.template.yaml").read_text("utf-8"))
    text = shared.substitute(
        about=summary,
        type=type_name,
        needed=required.strip("\n"),
        options=options.strip("\n"),
        base_url=base_url,
    )
    # A provider that needs nothing of its own leaves a gap.
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"\bNAME_", f"{slug.upper()}_", text))


@dg.scaffold_with(SourceTemplate)
class SourceComponent(dg.Component):
    """One account at a provider. A provider's own class says its spec, its attributes, and how it is reached."""

    provider_spec: ClassVar[ProviderSpec]
    attributes_type: ClassVar[type[SourceAttributes]]

    def __init__(self, facts: SourceFacts, attributes: SourceAttributes, file: Path) -> None:
        """Take what `from_attributes` has checked."""
        self.facts = facts
        self.attributes = attributes
        self.file = file

    @classmethod
    def from_attributes(cls, attributes: SourceAttributes, file: Path) -> Self:
        """The source that `file` describes.

        Raises:
            Mistake: The attributes are sound by themselves, but not for this provider.
            ConfigurationError: A line of `fields_file` is wrong.
        """
        slug = checked_slug(attributes.slug or file.parent.name)
        if attributes.first_day < cls.provider_spec.first_day:
            title, first_day = cls.provider_spec.title, cls.provider_spec.first_day
            raise Mistake(
                f"first_day {attributes.first_day} lies before the first day of the {title}, {first_day}",
                f"write {first_day} or later",
            )
        attributes = with_fields_file(attributes, file)
        if attributes.ca_file:
            _look_at_authorities(PROJECT / file.parent / attributes.ca_file, attributes.ca_file)
        facts = SourceFacts(
            slug=slug,
            spec=cls.provider_spec,
            first_day=max(attributes.first_day, Settings().first_day(slug) or attributes.first_day),
            description=attributes.description,
            owners=tuple(attributes.owners),
            schedule=None if cls.provider_spec.is_retired or attributes.retired else _schedule(attributes, slug),
            due_after=timedelta(hours=attributes.due_after_hours),
            fields={name: (meaning.quantity, meaning.unit or "") for name, meaning in attributes.meanings.items()},
            ignored=tuple(attributes.left_out),
            site=attributes.site,
            spans=attributes.spans,
            was_retired=attributes.retired,
            known_dead=tuple(
                KnownDead(one.name, one.dead_since, one.reason, one.replaced_by) for one in attributes.series
            ),
            tolerance=Tolerance(**attributes.completeness.model_dump()),
            limits={key: (one.least, one.most) for key, one in attributes.limits.items()},
            restated_share=attributes.restated_share,
        )
        return cls(facts, attributes, file)

    @abstractmethod
    def connection(self) -> ConnectionConfig:
        """How the account is reached: the attributes that say it, at `endpoint`."""

    @property
    def endpoint(self) -> Endpoint:
        """Where the provider's address comes from."""
        attributes = self.attributes
        return Endpoint(
            source=self.facts.slug,
            place=str(self.file),
            base_url=attributes.base_url,
            base_url_env=attributes.base_url_env,
            ca_file=PROJECT / self.file.parent / attributes.ca_file if attributes.ca_file else None,
            proxy=attributes.proxy,
            proxy_env=attributes.proxy_env,
        )

    def open(self, settings: Settings) -> Provider:
        """The provider, ready for all three verbs; variables are looked up when the first request needs them."""
        return LazyProvider(self.connection(), settings)

    @classmethod
    def commented_yaml(cls, type_name: str, slug: str) -> str:
        """The commented `defs.yaml` of a source called `slug`; its `type` is `type_name`."""
        return template_text(
            slug=slug,
            type_name=type_name,
            provider=cls.provider_spec.slug,
            summary=(cls.__doc__ or "").partition("\n")[0],
            base_url=cls.attributes_type.model_fields["base_url"].default,
        )

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema behind `dg check yaml`."""
        return cls.attributes_type

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Called by Dagster with what `get_model_cls` has validated."""
        if not isinstance(attributes, cls.attributes_type):
            raise Mistake(f"{context.path} has no attributes", "write what the template of `dg scaffold defs` shows")
        path = context.path
        return cls.from_attributes(attributes, relative_to_project(path if path.is_file() else path / "defs.yaml"))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002  # Dagster's signature
        """Everything Dagster has to know of this source."""
        job = source_job(self.facts)
        schedule = trailing_schedule(self.facts, job)
        return dg.Definitions(
            assets=source_assets(self.facts),
            asset_checks=[source_checks(self.facts)],
            jobs=[job],
            schedules=[schedule] if schedule else [],
            resources={self.facts.slug: provider_resource(self.connection())},
        )


def _schedule(attributes: SourceAttributes, slug: str) -> str | None:
    """What is written, and nightly where nothing is."""
    return attributes.schedule if "schedule" in attributes.model_fields_set else nightly(slug)


def relative_to_project(path: Path) -> Path:
    """`path` from the top of the checkout, if it lies inside."""
    return path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path


def _look_at_authorities(path: Path, name: str) -> None:
    """Read a file of certificate authorities, so that a mistake is found before the first request.

    Raises:
        Mistake: It is missing, or holds no certificate that can be read.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        trouble = "does not exist" if isinstance(error, FileNotFoundError) else "holds no certificate that can be read"
        fix = "lay the authority's PEM file beside this defs.yaml, and name it from there"
        raise Mistake(f"the file {name} (ca_file) {trouble}", fix) from None
