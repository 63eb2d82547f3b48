"""One account at the Export Service: whose data, which products, and what their fields mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.errors import ConfigurationError
from domain.quantities import Conversion, conversion
from providers.export_service.wire import UNIT_SUFFIXES

ANY_PRODUCT: Final = "*"
"""The key of `AccountConfig.identity` that stands for every product not named there."""


@dataclass(frozen=True, slots=True)
class FieldMeaning:
    """What the numbers of a field are: a name in `domain.quantities.QUANTITIES`, and the unit they are sent in."""

    quantity: str
    unit: str = "text"


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """What to ask for, and how to read it. Holds no credential.

    Attributes:
        organization: Whose data; the provider checks the permission.
        space: A space within the organization, if permissions hang on it.
        products: The products to fetch; None: all that the provider lists.
        fields: `field` or `product/field` → its meaning; the longer key wins. Nested fields are `outer.inner`. A field
            that is not named has the meaning of its unit suffix (`P_kW`), and without one its numbers are unmapped.
        identity: Product, or `*` for the others → the fields that tell devices within the product apart.
        time_field: The field that holds the epoch in milliseconds.
        site: Where the devices stand; empty if that is not known.

    Raises:
        ConfigurationError: Anything of this is empty, contradicts itself, or names an unknown quantity or unit.
    """

    organization: str
    space: str | None = None
    products: tuple[str, ...] | None = None
    fields: Mapping[str, FieldMeaning] = field(default_factory=dict)
    identity: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_field: str = "timestamp"
    site: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not work, before any request."""
        if not self.organization.strip():
            raise _wrong("the organization is empty", self.organization, "name the organization whose data is exported")
        if not self.time_field.strip():
            raise _wrong("time_field is empty", self.organization, "name the field that holds the timestamp")
        self._check_products()
        self._check_fields()
        self._check_identity()

    def identity_of(self, product: str) -> tuple[str, ...]:
        """The fields that tell the devices of `product` apart; empty: the product is one device."""
        return tuple(self.identity.get(product, self.identity.get(ANY_PRODUCT, ())))

    def meaning(self, product: str, name: str) -> tuple[str, Conversion] | None:
        """The unit and the conversion of the numbers of field `name`; None if nobody knows what they are."""
        meaning = self.fields.get(f"{product}/{name}") or self.fields.get(name)
        if meaning is None:
            stem, _, suffix = name.rpartition("_")
            guess = UNIT_SUFFIXES.get(suffix) if stem.strip(".") else None
            if guess is None:
                return None
            meaning = FieldMeaning(*guess)
        return meaning.unit, conversion(meaning.quantity, meaning.unit, place=f"field {name} of {product}")

    def _check_products(self) -> None:
        if self.products is None:
            return
        if not self.products:
            raise _wrong("products is an empty list", self.organization, "name a product, or leave it out for all")
        twice = [product for product in self.products if self.products.count(product) > 1]
        if twice:
            raise _wrong(f"the product {twice[0]!r} is named twice", self.organization, "name each product once")
        for product in self.products:
            if not product.strip() or "/" in product or not product.isprintable():
                raise _wrong(
                    f"the product {product!r} is no product name", self.organization, "use a name that /products lists"
                )

    def _check_fields(self) -> None:
        for key, meaning in self.fields.items():
            product, slash, name = key.rpartition("/")
            if not name or (slash and not product):
                raise _wrong(f"the field {key!r} is no field name", self.organization, "write field or product/field")
            if name == self.time_field:
                raise _wrong(
                    f"the field {key!r} is the timestamp", self.organization, "leave it out, it has no quantity"
                )
            self._check_known(product, f"the field {key!r}")
            conversion(meaning.quantity, meaning.unit, place=f"field {key} of the account {self.organization}")

    def _check_identity(self) -> None:
        for product, names in self.identity.items():
            self._check_known("" if product == ANY_PRODUCT else product, "identity")
            if self.time_field in names:
                raise _wrong(
                    f"the identity of {product} holds the timestamp", self.organization, "name fields that tell devices"
                )
            if not all(name.strip() for name in names) or len(set(names)) != len(names):
                raise _wrong(
                    f"the identity of {product} holds an empty or a repeated field",
                    self.organization,
                    "name each field once",
                )

    def _check_known(self, product: str, what: str) -> None:
        if product and self.products is not None and product not in self.products:
            raise _wrong(
                f"{what} names the product {product!r}, which is not fetched",
                self.organization,
                f"use one of {', '.join(self.products)}, or add it to products",
            )


def _wrong(culprit: str, organization: str, fix: str) -> ConfigurationError:
    return ConfigurationError(culprit, place=f"export_service account {organization!r}", fix=fix)
