"""What the fields of one account mean, and the series they make."""

from domain.quantities import Conversion
from domain.records import Series
from domain.texts import key_part, storable
from providers.export_service.account import AccountConfig


class Meanings:
    """The account's meanings, looked up once for each field, and the series described so far."""

    def __init__(self, account: AccountConfig) -> None:
        """Begin with nothing looked up."""
        self.account = account
        self._meanings: dict[tuple[str, str], tuple[str, Conversion] | None] = {}
        self._series: dict[tuple[str, tuple[str, ...], str], Series] = {}

    def of(self, product: str, name: str) -> Conversion | None:
        """What the numbers of a field are; None if nobody knows."""
        meaning = self._of(product, name)
        return meaning[1] if meaning else None

    def series(self, product: str, device: tuple[str, ...], name: str) -> Series:
        """The description of one field of one device; `device` is empty where the product is the device."""
        place = (product, device, name)
        if place not in self._series:
            meaning = self._of(product, name)
            named = "/".join(key_part(part) for part in (product, *device))
            self._series[place] = Series(
                key=f"{named}/{key_part(name)}",
                quantity=meaning[1].quantity.name if meaning else "state",
                device=named,
                site=self.account.site,
                provider_unit=meaning[0] if meaning else "text",
                labels={
                    **dict(zip(self.account.identity_of(product), device, strict=True)),
                    "product": product,
                    "field": name,
                },
            )
        return self._series[place]

    @staticmethod
    def key(product: str, device: tuple[str, ...], name: str) -> str:
        """The key of that series, whatever its name holds; without a name, what all keys of the device begin with."""
        return storable("/".join(key_part(part) for part in (product, *device, name)))

    def _of(self, product: str, name: str) -> tuple[str, Conversion] | None:
        place = (product, name)
        if place not in self._meanings:
            self._meanings[place] = self.account.meaning(product, name)
        return self._meanings[place]
