"""Print, as JSON, how much faster two workers of one core each evaluate a job than one worker does.

Run as ``.venv/bin/python tests/benchmarks/sharding.py JOB [ROUNDS]``. Seconds are the steps' own, so without
the start of a process; the two workers' are those of the slower one, and the merge. Ratios are of minima over
the rounds: ``times`` of wall time, which needs the machine to itself; ``cpu_times`` of the workers' CPU time,
in which other load hardly shows.
"""

import json
import os
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.records import RECORD, ChampionRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.measure.evaluate_shards import merge_evaluations
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model

WORKER = """
import json, os, sys, time
from pathlib import Path
cpu, job, target, models, shard = json.loads(sys.argv[1])
os.sched_setaffinity(0, [cpu])
from inc_mlflow.spec import Job
from inc_mlflow.steps.measure.evaluate import evaluate
from inc_mlflow.steps.measure.evaluate_shards import evaluate_shard
inputs = {name: Path(models) / name for name in ("baseline", "champion", "candidates")}
start = time.process_time()
if shard:
    evaluate_shard(Job.load(Path(job)), Path(target), **inputs, shard=shard)
else:
    evaluate(Job.load(Path(job)), Path(target), **inputs)
Path(target, "cpu.json").write_text(str(time.process_time() - start))
"""


def measure(job_file: Path, rounds: int) -> dict[str, Any]:
    """Evaluate with one worker and with two, in turns."""
    first, second = islice(usable_cores(), 2)
    job = Job.load(job_file)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        _models(job, folder)
        pairs = []
        for number in range(rounds):
            here = folder / str(number)
            one = _run(job_file, folder, {here / "whole": (first, "")})
            shards = {here / "1": (first, "1/2"), here / "2": (second, "2/2")}
            two = _run(job_file, folder, shards)
            merge = merge_evaluations(job, here / "merged", shards=list(shards)).seconds
            same = (here / "merged" / "outcomes.npz").read_bytes() == (
                here / "whole" / "outcomes.npz"
            ).read_bytes()
            two = {clock: seconds + merge for clock, seconds in two.items()}
            pairs.append({"one": one, "two": two, "merge": merge, "same": same})
    return {"times": _ratio(pairs, "wall"), "cpu_times": _ratio(pairs, "cpu"), "rounds": pairs}


def _ratio(pairs: list[dict[str, Any]], clock: str) -> float:
    one, two = (min(pair[which][clock] for pair in pairs) for which in ("one", "two"))
    return float(one / two)


def _models(job: Job, folder: Path) -> None:
    places = {name: folder / name for name in ("baseline", "ranges", "candidates")}
    import_model(job, places["baseline"])
    ChampionRecord(reachable=True).save(folder / "champion")
    calibrate(job, places["ranges"], baseline=places["baseline"])
    quantize(job, places["candidates"], baseline=places["baseline"], ranges=places["ranges"])


def _run(job_file: Path, models: Path, work: dict[Path, tuple[int, str]]) -> dict[str, float]:
    """Run workers side by side, each on a CPU of its own.

    Return the seconds of the slowest one's step by clock.
    """
    requests = [
        json.dumps([cpu, str(job_file), str(target), str(models), shard])
        for target, (cpu, shard) in work.items()
    ]
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, request], env=os.environ) for request in requests
    ]
    if any([worker.wait() for worker in workers]):
        raise SystemExit("a worker failed, see above")
    return {
        "wall": max(json.loads((target / RECORD).read_text())["seconds"] for target in work),
        "cpu": max(json.loads((target / "cpu.json").read_text()) for target in work),
    }


if __name__ == "__main__":
    print(
        json.dumps(
            measure(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 3), indent=1
        )
    )
