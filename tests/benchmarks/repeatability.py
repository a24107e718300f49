"""Print, as JSON, how much the speed-up of one candidate differs between whole benchmarks.

The relative standard deviation is what two constants in ``inc_mlflow.measure.timing.repeatability`` stand for:
``CPU_TIME_REPEATABILITY`` for the layout 1s1c1ins1bs, ``WALL_TIME_REPEATABILITY`` for all others. Run as
``.venv/bin/python tests/benchmarks/repeatability.py JOB BASELINE CANDIDATE [REPEATS] [LAYOUT]``.
"""

import json
import sys
from itertools import combinations
from pathlib import Path

import numpy as np

from inc_mlflow.spec import BenchmarkSpec, Job, JobSpec
from inc_mlflow.steps.standalone.measure import benchmark_two

ATTEMPTS = 10


def _ratio(job: Job, baseline: Path, candidate: Path) -> dict[str, float]:
    """Benchmark until it is valid: under other load it gives no number."""
    for _ in range(ATTEMPTS):
        result = benchmark_two(job, baseline, candidate, lambda _: None)
        if result["valid"]:
            return result["speedup"]
        print(*result["reasons"], sep="\n", file=sys.stderr)
    raise SystemExit(f"not one valid benchmark in {ATTEMPTS} attempts; try again when less else runs")


def overlapping(ratios: list[dict[str, float]]) -> str:
    """Count the pairs of intervals that overlap."""
    pairs = list(combinations(ratios, 2))
    return f"{sum(a['low'] <= b['high'] and b['low'] <= a['high'] for a, b in pairs)} of {len(pairs)}"


def measure(job: Job, baseline: Path, candidate: Path, repeats: int) -> dict[str, object]:
    """Repeat the benchmark and count the pairs of intervals that overlap."""
    ratios = [_ratio(job, baseline, candidate) for _ in range(repeats)]
    values = np.array([ratio["value"] for ratio in ratios])
    return {
        "speedups": values.round(4).tolist(),
        "relative_deviation": float(values.std(ddof=1) / values.mean()),
        "overlapping_pairs": overlapping(ratios),
    }


if __name__ == "__main__":
    job, baseline, candidate = map(Path, sys.argv[1:4])
    repeats = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    spec = JobSpec.load(job)
    if len(sys.argv) > 5:
        spec = spec.model_copy(update={"benchmark": BenchmarkSpec(layout=sys.argv[5])})
    print(json.dumps(measure(Job(spec, job.resolve().parent), baseline, candidate, repeats), indent=1))
