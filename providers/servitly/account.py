"""One account at Servitly: which tenant, which things and metrics, how they are exported, and what they mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.errors import ConfigurationError
from domain.quantities import conversion
from domain.texts import DECIMAL_SIGNS, DecimalSign

TIMESTAMP_FORMATS: Final = ("EPOCH_MILLIS", "ISO_8601")
LOGINS: Final = ("password", "pat")
TENANT_HEADERS: Final = ("X-Servitly-Tenant", "X-Semioty-Tenant")
DOCUMENTED_MASK: Final = "${thing.serialNumber}_${thingDefinition.name}"
_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class FieldMeaning:
    """What the numbers of a metric are.

    Attributes:
        quantity: A name in `domain.quantities.QUANTITIES`.
        unit: The unit they are sent in; None takes the one that the header says.
    """

    quantity: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric to export, as the provider qualifies it; a thing definition stands instead of model and part."""

    metric_id: str
    product_model_id: str | None = None
    product_model_part_id: str | None = None
    thing_definition_id: str | None = None

    def wire(self) -> dict[str, str]:
        """As the request says it."""
        attributes = {
            "metricId": self.metric_id,
            "productModelId": self.product_model_id,
            "productModelPartId": self.product_model_part_id,
            "thingDefinitionId": self.thing_definition_id,
        }
        return {name: value for name, value in attributes.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """What to ask for, and how to read it. Holds no credential.

    Attributes:
        tenant: The tenant's name.
        customer_id: Whose things; None: everybody's that the user may see.
        location_id: Where they stand; None: everywhere.
        things: Things by id, each exported on its own and known by its id; None: all in one export, known by their
            file names.
        metrics: What is exported; empty: everything.
        fields: Metric → its meaning, beyond what units tell; it wins.
        thing_file_name: The mask of the file names; it has to tell all things apart.
        are_names_hashed: Have file names replaced by their MD5.
        are_units_included: Have units in the headers.
        timestamp_format: `EPOCH_MILLIS` or `ISO_8601`.
        export_name: What exports are called; the window is added.
        login: `password`, or `pat` for a personal access token.
        tenant_header: The header that names the tenant; an older one still works.
        file_hosts: Hosts, each perhaps with `:port`, that archives may be fetched from beside the API's own.
        site: Where the things stand; empty if that is not known.
        decimal: The decimal sign of all numbers; None: what each file proves.

    Raises:
        ConfigurationError: Anything of this contradicts itself, or names an unknown quantity or unit.
    """

    tenant: str
    customer_id: str | None = None
    location_id: str | None = None
    things: tuple[str, ...] | None = None
    metrics: tuple[Metric, ...] = ()
    fields: Mapping[str, FieldMeaning] = field(default_factory=dict)
    thing_file_name: str = DOCUMENTED_MASK
    are_names_hashed: bool = False
    are_units_included: bool = True
    timestamp_format: str = TIMESTAMP_FORMATS[0]
    export_name: str = "joulehouse"
    login: str = LOGINS[0]
    tenant_header: str = TENANT_HEADERS[0]
    file_hosts: tuple[str, ...] = ()
    site: str = ""
    decimal: DecimalSign | None = None

    def __post_init__(self) -> None:
        """Refuse what could not work, before any request."""
        if not _TENANT.fullmatch(self.tenant):
            raise _wrong(f"the tenant {self.tenant!r} is no name of one", "write it as in the address of its portal")
        for name, word, known in (
            ("timestamp_format", self.timestamp_format, TIMESTAMP_FORMATS),
            ("login", self.login, LOGINS),
            ("tenant_header", self.tenant_header, TENANT_HEADERS),
        ):
            if word not in known:
                raise _wrong(f"{name} is {word!r}", f"use one of {', '.join(known)}")
        if not self.thing_file_name.strip() or "/" in self.thing_file_name:
            raise _wrong("thing_file_name is empty, or has a slash", f"write a mask such as {DOCUMENTED_MASK}")
        if self.decimal is not None and self.decimal not in DECIMAL_SIGNS:
            raise _wrong(f"decimal is {self.decimal!r}", 'use "." or ","')
        self._check_ids()
        for key, meaning in self.fields.items():
            if not key.strip():
                raise _wrong("a field has no name", "name the metric")
            if meaning.unit is not None:
                conversion(meaning.quantity, meaning.unit, place=f"field {key} of the servitly account")

    def _check_ids(self) -> None:
        if self.things is not None and (not self.things or len(set(self.things)) != len(self.things)):
            raise _wrong("things is an empty list, or names one twice", "name each thing once, or leave it out for all")
        ids = [self.customer_id, self.location_id, *(self.things or ())]
        ids += [one for metric in self.metrics for one in metric.wire().values()]
        for one in ids:
            if one is not None and not _ID.fullmatch(one):
                raise _wrong(f"{one!r} is no id", "write the id as the provider shows it, of letters and digits")


def _wrong(culprit: str, fix: str) -> ConfigurationError:
    return ConfigurationError(culprit, place="servitly account", fix=fix)
