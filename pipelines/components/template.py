"""What `dg scaffold defs` writes: a commented `defs.yaml`, one for each kind of source."""

from pathlib import Path
from typing import Any, ClassVar

from dagster.components import Scaffolder, ScaffoldRequest

from domain.errors import ConfigurationError
from pipelines.components.mistakes import Mistake
from pipelines.components.source import checked_slug


class SourceTemplate(Scaffolder[Any]):
    """Writes a commented `defs.yaml`, in which only the account has to be filled in.

    Attributes:
        template: The file beside this one; `NAME` in it stands for the source in capitals.
    """

    template: ClassVar[str]

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
        template = (Path(__file__).parent / self.template).read_text("utf-8")
        file.write_text(template.replace("NAME", name.upper()), "utf-8")
