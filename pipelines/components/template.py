"""What `dg scaffold defs` writes: a commented `defs.yaml`, of what all sources share and what only the provider has."""

import re
from importlib import import_module
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

from dagster.components import Scaffolder, ScaffoldRequest

from domain.errors import ConfigurationError
from pipelines.components.mistakes import Mistake
from pipelines.components.slugs import checked_slug

if TYPE_CHECKING:
    from pipelines.components.source import SourceComponent

_HERE: Final = Path(__file__).parent
_MAY_BE_LEFT_OUT: Final = "  # --- Everything below may be left out"
"""Begins the line of a provider's template that has the needed attributes above it, and all others below."""


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
        room, _, kind = request.type_name.rpartition(".")
        file.write_text(text_for(getattr(import_module(room), kind), request.type_name, name), "utf-8")


def text_for(kind: "type[SourceComponent]", type_name: str, slug: str) -> str:
    """The commented `defs.yaml` of a source called `slug`.

    `source.template.yaml` holds what all sources share; `<provider>.template.yaml` the attributes that only this
    provider has. `NAME_` in both stands for how the source's variables begin.

    Args:
        kind: The component.
        type_name: What `type` says.
        slug: The source's name.
    """
    own = (_HERE / f"{kind.provider_spec.slug}.template.yaml").read_text("utf-8")
    needed, _, rest = own.partition(_MAY_BE_LEFT_OUT)
    options = rest.partition("\n")[2]
    shared = Template((_HERE / "source.template.yaml").read_text("utf-8"))
    text = shared.substitute(
        about=(kind.__doc__ or "").partition("\n")[0],
        type=type_name,
        needed=needed.strip("\n"),
        options=options.strip("\n"),
        base_url=kind.attributes_type.model_fields["base_url"].default,
    )
    # A provider that needs nothing of its own leaves a gap.
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"\bNAME_", f"{slug.upper()}_", text))
