"""Series: what the entities of a home are called, for good. A unit may change, so it is part of the name."""

from datetime import timedelta
from functools import lru_cache

from domain.records import Series
from domain.texts import key_part


@lru_cache(1_024)  # a million points of one entity have one name
def measured(home: str, entity: str, quantity: str, unit: str) -> Series:
    """The series of an entity's numbers in one unit."""
    return Series(
        key="/".join(key_part(part) for part in (home, entity, quantity, unit)),
        quantity=quantity,
        device=f"{home}/{entity}",
        site=home,
        provider_unit=unit,
        labels={"home": home, "entity": entity, "unit": unit},
    )


def stated(home: str, entity: str) -> Series:
    """The series of an entity's texts."""
    return Series(
        key="/".join(key_part(part) for part in (home, entity)),
        quantity="state",
        device=f"{home}/{entity}",
        site=home,
        provider_unit="text",
        labels={"home": home, "entity": entity},
    )


def undated(home: str, entity: str, unit: str) -> Series:
    """The series of what an entity said at times that were taken out: a text for each day of upload."""
    return Series(
        key="/".join(key_part(part) for part in (home, entity, "undated", *([unit] if unit else []))),
        quantity="state",
        device=f"{home}/{entity}",
        site=home,
        provider_unit="text",
        resolution=timedelta(days=1),
        labels={"home": home, "entity": entity, "unit": unit, "time": "undated"},
    )


def of_entity(home: str, entity: str) -> str:
    """What the keys of all series of an entity begin with."""
    return f"{key_part(home)}/{key_part(entity)}/"


def entity_of(key: str) -> tuple[str, str]:
    """The home and the entity of a key, as they are quoted in it."""
    home, entity, *_ = *key.split("/", maxsplit=2), ""
    return home, entity
