"""The notifier that the environment and the sources' owners describe."""

from collections.abc import Sequence

from assets.source import SourceFacts
from pipelines.notifications.notifier import Notifier
from pipelines.notifications.sender import Sender
from resources.recipients import recipients
from resources.settings import Settings


def project_notifier(settings: Settings, sources: Sequence[SourceFacts]) -> Notifier:
    """It tells whom the environment names.

    Raises:
        ConfigurationError: A variable holds what is no address, or `JOULEHOUSE_PROXY` what is no proxy.
    """
    owners = {facts.slug: facts.owners for facts in sources}
    everybody = [owner for some in owners.values() for owner in some]
    ui = next(iter(settings.ui_origins), None)
    sender = Sender({**settings.environment, **settings.proxy_variables})
    return Notifier(recipients(settings, everybody), owners, sender, ui)
