"""The commented `defs.yaml` that `dg scaffold defs` writes: the attributes of all sources, and the provider's own."""

import re
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any, Final

from dagster.components import Scaffolder, ScaffoldRequest

from domain.errors import ConfigurationError
from pipelines.components.mistakes import Mistake
from pipelines.components.slugs import checked_slug

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
