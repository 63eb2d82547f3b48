#!/usr/bin/env bash
# One would guess: a units library that is asked for a unit it does not know refuses it, as pint refuses kvarh and kWp.
# What happens: pint knows `ct` as the carat and `pH` as the picohenry, and passes over a currency's sign without a word:
#   25 ct/kWh is 5 g/kWh, which is what a carbon intensity is measured in, and 80 €/MWh is 80 of nothing per MWh.
# Why it matters: units of energy data come as texts with the readings. A tariff that is converted to g/kWh, or added to
#   one in another currency, raises no error of dimensions: the check that pint is used for passes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check pint==0.25.3 flexcache==0.3 flexparser==0.4
"$work/venv/bin/python" - <<'PY'
import pint

units = pint.UnitRegistry()
refused = []
for unit in ("kvarh", "kWp", "EUR/MWh"):
    try:
        units(f"1 {unit}")
    except pint.UndefinedUnitError:
        refused.append(unit)
price = units("25 ct/kWh")
euros, pounds = units("80 €/MWh"), units("80 £/MWh")

print(f"pint {pint.__version__}: refused {refused}; 25 ct/kWh = {price.to('g/kWh')}; 80 €/MWh = {euros}; 7 pH = {units('7 pH')}")
assert refused == ["kvarh", "kWp", "EUR/MWh"]
assert f"{price.to('g/kWh'):.6f~}" == "5.000000 g / kWh", "a price is no longer a mass"
assert str(euros.units) == "1 / megawatt_hour", "a currency's sign is no longer dropped"
assert euros == pounds
assert str(units("7 pH").units) == "picohenry"
PY
