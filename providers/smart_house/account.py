"""One set of homes at the Smart House: what is asked, who a home is, and what its numbers mean. Holds no credential."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.errors import ConfigurationError
from domain.quantities import conversion
from providers.smart_house.spec import FORMATS

_MOST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class FieldMeaning:
    """What an entity's numbers are.

    Attributes:
        quantity: A name in `domain.quantities.QUANTITIES`.
        unit: Their unit where the provider names none; where it names one, that one counts.
    """

    quantity: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """What to ask for, and how to read it.

    Attributes:
        format: `json`, `csv` or `xml`.
        types: First words of entities to ask for (`sensor`); empty for all.
        units: Units to ask for; empty for all. The provider looks at the first change of an entity alone, so changes in
            a wanted unit that follow one in another are never sent.
        homes: Name → entities that this home has, and no other one; one of them is enough.
        fields: Entity → its meaning, beyond what its unit says; it wins.

    Raises:
        ConfigurationError: Anything of this contradicts itself, or names an unknown quantity or unit.
    """

    format: str = "json"
    types: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    homes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: Mapping[str, FieldMeaning] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what could not work, before any request."""
        if self.format not in FORMATS:
            raise _wrong(f"the format is {self.format!r}", f"use one of {', '.join(FORMATS)}")
        for name, words in (("types", self.types), ("units", self.units)):
            # The provider's framework cuts what it is sent at commas.
            if any(not word.strip() or "," in word for word in words) or len(set(words)) != len(words):
                raise _wrong(f"{name} has an empty word, a comma, or a word twice", "name each one once")
        self._check_homes()
        for entity, meaning in self.fields.items():
            if not entity.strip():
                raise _wrong("a field has no name", "name the entity")
            if meaning.unit:
                conversion(meaning.quantity, meaning.unit, place=f"field {entity} of the smart house account")

    def _check_homes(self) -> None:
        for home, entities in self.homes.items():
            if not home.strip() or len(home) > _MOST_NAME or "/" in home:
                raise _wrong(f"{home[:_MOST_NAME]!r} cannot be the name of a home", "use a short name without a slash")
            if not entities:
                raise _wrong(f"nothing tells the home {home} apart", "name an entity that it has, and no other one")
        counts = Counter(column(entity) for entities in self.homes.values() for entity in entities)
        if twice := [entity for entity, count in counts.items() if count > 1]:
            raise _wrong(f"the entity {twice[0]} tells two homes apart, or one twice", "name it for one home, once")


def column(entity: str) -> str:
    """The column of an entity: `sensor.hall` and `sensor_hall` are both said `sensor_hall`."""
    return entity.replace(".", "_")


def _wrong(culprit: str, fix: str) -> ConfigurationError:
    return ConfigurationError(culprit, place="smart house account", fix=fix)
