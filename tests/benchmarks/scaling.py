"""Print, as JSON, how much more work several instances do than one, interleaved in one run.

Rounds with other load are dropped.

Run as ``.venv/bin/python tests/benchmarks/scaling.py MODEL ROWS.npz [LAYOUT]``, LAYOUT as 1c2ins.
"""

import json
import sys
import tempfile
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from inc_mlflow.hardware.counters import LoadMeter
from inc_mlflow.hardware.planner import plan_layout
from inc_mlflow.hardware.topology import topology
from inc_mlflow.measure.timing import disturbance
from inc_mlflow.measure.timing.instance import InstanceGroup
from inc_mlflow.measure.timing.rounds import run_rounds
from inc_mlflow.measure.timing.speeds import command
from inc_mlflow.measure.timing.wall_time import wall_time_speedup
from inc_mlflow.measure.timing.worker import save_batches
from inc_mlflow.records import Model
from inc_mlflow.spec import Layout
from inc_mlflow.steps.standalone.npz_rows import npz_rows

BATCHES, ATTEMPTS = 16, 10


def measure(model: Path, rows: Path, layout: Layout) -> dict[str, object]:
    """Run one instance and all instances of the layout in turns, until enough rounds are clean."""
    plan = plan_layout(layout, topology())
    held = Model(label="", path=str(model), sha256="", size_bytes=0)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        batches = Path(folder) / "batches.npz"
        save_batches(batches, npz_rows(model, rows, BATCHES))
        places = {"one": plan.cpus[:1], "all": plan.cpus}
        groups = {
            name: stack.enter_context(
                InstanceGroup([command(held, batches, one) for one in cpus], len(cpus[0]))
            )
            for name, cpus in places.items()
        }
        pids = [instance.pid for group in groups.values() for instance in group.instances]
        used = list(chain(*plan.cpus))
        for _ in range(ATTEMPTS):
            rounds = run_rounds(
                groups, None, lambda: LoadMeter(pids, used, ()), lambda _: True, lambda numbers, _: numbers
            )
            clean = [one for one in rounds if one.clean]
            reasons = disturbance.too_few_clean(disturbance.summarise([one.load for one in rounds]), used)
            if not reasons:
                ratio = wall_time_speedup(clean, "one", "all", 0.95)
                return {
                    "layout": plan.layout,
                    "times_the_work": ratio.model_dump(),
                    "rounds": [len(clean), len(rounds)],
                }
            print(*reasons, sep="\n", file=sys.stderr)
    raise SystemExit(f"not one valid run in {ATTEMPTS} attempts; try again when less else runs")


if __name__ == "__main__":
    layout = Layout.parse(sys.argv[3] if len(sys.argv) > 3 else "1c2ins")
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]), layout), indent=1))
