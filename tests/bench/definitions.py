"""What the definitions of 200 sources cost in every process that loads them, as multiples of `import dagster`.

Of 195 sources with 500 fields each: in a table beside the `defs.yaml`, and within it. Beside them what no process of
ours can do without: the imports of Dagster, pandas and SQLAlchemy.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.bench.rooms import say
from tests.fakes.dagster_stack import clone_of_the_house

SOURCES, FIELDS, ROUNDS = 195, 500, 5
WITHIN: Final = 20
"""Sources with a table within: each costs the same, and all of them half a minute."""

PROMISED_RATIO, PROMISED_MIB = 12.0, 250.0

_DAGSTER: Final = "import dagster"
_DEFINITIONS: Final = "import pipelines.definitions as d; d.defs().get_repository_def()"
_PARSED: Final = (
    "from pathlib import Path; from dagster_shared.yaml_utils import parse_yamls_with_source_position as parse;"
    " [parse(one.read_text()) for one in Path('assets').glob('hub_*/defs.yaml')]"
)
_MEASURED: Final = (
    "import time\n{}\nimport re\nfound = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())\n"
    "print(time.process_time(), int(found[1]) / 1024)"
)
_HUB: Final = """\
type: pipelines.components.ExportServiceSource
attributes:
  description: "A hub."
  first_day: "2025-01-01"
  organization: hub
  client_id_env: HUB_CLIENT_ID
  client_secret_env: HUB_CLIENT_SECRET
"""


def main() -> bool:
    """Measure, say the ratios, and whether they are what was promised."""
    names = [f"product_{n % 7}/field_{n}" for n in range(FIELDS)]
    table = "field,quantity,unit\n" + "".join(f"{name},power,kW\n" for name in names)
    within = _HUB + "  fields:\n" + "".join(f"    {name}: {{quantity: power, unit: kW}}\n" for name in names)
    with tempfile.TemporaryDirectory(prefix="joulehouse-bench-") as folder:
        hubs = [f"hub_{n}" for n in range(SOURCES)]
        beside = clone_of_the_house(Path(folder) / "beside", dict.fromkeys(hubs, _HUB + "  fields_file: fields.csv\n"))
        for hub in hubs:
            (beside / "assets" / hub / "fields.csv").write_text(table)
        inside = clone_of_the_house(Path(folder) / "inside", dict.fromkeys(hubs[:WITHIN], within))
        empty = clone_of_the_house(Path(folder) / "empty", dict.fromkeys(hubs[:WITHIN], _HUB))
        rounds = [(cost(_DAGSTER, beside), cost(_DEFINITIONS, beside)) for _ in range(ROUNDS)]
        one_within = (cost(_DEFINITIONS, inside)[0] - cost(_DEFINITIONS, empty)[0]) / WITHIN
        of_dagster = (cost(_PARSED, inside)[0] - cost(_PARSED, empty)[0]) / WITHIN
        floor = {name: cost(f"import {name}", empty)[0] for name in ("dagster", "pandas", "sqlalchemy")}
        floor["all three"] = cost("import dagster, pandas, sqlalchemy", empty)[0]
    plain = statistics.median(dagster[0] for dagster, _ in rounds)
    seconds = statistics.median(ours[0] for _, ours in rounds)
    ratio = statistics.median(ours[0] / dagster[0] for dagster, ours in rounds)
    mib = max(ours[1] for _, ours in rounds)
    say(f"definitions of {SOURCES} sources with {FIELDS} fields in a file beside: {seconds:.2f} s of processor time,")
    say(f"  {ratio:.1f} times `import dagster` ({plain:.2f} s; promised: {PROMISED_RATIO:.0f} or less), {mib:.0f} MiB")
    parts = f"{one_within * 1000:.0f} ms more, of which Dagster's own reader takes {of_dagster * 1000:.0f}"
    say(f"  within defs.yaml each costs {parts}")
    say("  imports: " + ", ".join(f"{name} {cost:.2f} s" for name, cost in floor.items()))
    return ratio <= PROMISED_RATIO and mib <= PROMISED_MIB


def cost(work: str, clone: Path) -> tuple[float, float]:
    """Processor seconds and peak MiB of a fresh process that does `work` in `clone`."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _MEASURED.format(work)],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, mib = ran.stdout.split()
    return float(seconds), float(mib)


if __name__ == "__main__":
    raise SystemExit(not main())
