"""Devices and series: the names of a product's or a component's fields and statistics, which never change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.records import Series
from domain.texts import key_part
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.spans import LIFETIME, LONG
from providers.voltstorage.wire import INFERRED_UNIT, STATISTICS, meaning_of

_RESOLUTIONS: Final[Mapping[str, timedelta]] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Device:
    """A product or a component.

    Attributes:
        kind: `product` or `component`.
        number: Its id.
    """

    kind: str
    number: str

    @property
    def name(self) -> str:
        """Its name in series and parts: a product is its number."""
        return self.number if self.kind == "product" else f"component-{self.number}"

    @property
    def params(self) -> dict[str, str]:
        """How a request names it."""
        return {f"{self.kind}Id": self.number}


def device_of(params: Mapping[str, str]) -> Device:
    """The device that a request was about."""
    if "componentId" in params:
        return Device("component", params["componentId"])
    return Device("product", params.get("productId", ""))


class Naming:
    """The series of one account, described once each."""

    def __init__(self, account: AccountConfig) -> None:
        """Begin with nothing described."""
        self.account = account
        self._known: dict[tuple[str, str, str], Series] = {}

    def of_field(self, device: Device, name: str, *, is_state: bool = False) -> Series:
        """The series of a field of an export, or of the live stream under its name in exports."""
        place = (device.name, "", name)
        if place not in self._known:
            meaning = None if is_state else meaning_of(self.account, name)
            self._known[place] = Series(
                key=self.key(device, name),
                quantity=meaning[1].quantity.name if meaning else "state",
                device=device.name,
                site=self.account.site,
                provider_unit=meaning[0] if meaning else "text",
                labels={device.kind: device.number, "field": name},
            )
        return self._known[place]

    @staticmethod
    def key(device: Device, name: str = "") -> str:
        """The key of a field's series; without a name, what the keys of all series of the device begin with."""
        return f"{device.name}/{key_part(name)}"

    def of_statistic(self, device: Device, timespan: str, name: str) -> Series:
        """The series of a statistic; its unit, where inferred, is said so in a label."""
        place = (device.name, timespan, name)
        if place not in self._known:
            quantity, unit = STATISTICS.get(name, ("count", "1"))
            labels = {device.kind: device.number, "statistic": name, "timespan": timespan}
            if timespan in LONG:
                labels["span"] = timespan
            if timespan == LIFETIME and quantity == "energy":
                quantity = "energy_register"
            self._known[place] = Series(
                key=f"{device.name}/{timespan}/{key_part(name)}",
                quantity=quantity,
                device=device.name,
                site=self.account.site,
                provider_unit=unit,
                resolution=_RESOLUTIONS.get(timespan),
                labels=labels | ({"unit": INFERRED_UNIT} if unit == "Ws" else {}),
            )
        return self._known[place]
