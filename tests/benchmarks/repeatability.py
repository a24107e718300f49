"""Print, as JSON, how much the speed-up of one candidate differs between whole benchmarks.

The relative standard deviation is what ``inc_mlflow.measure.ratio.REPEATABILITY`` stands for. Run as
``.venv/bin/python tests/benchmarks/repeatability.py JOB BASELINE CANDIDATE [REPEATS]``.
"""

import json
import sys
from pathlib import Path

import numpy as np

from inc_mlflow.spec import Job
from inc_mlflow.steps.single import benchmark_two


def measure(job: Job, baseline: Path, candidate: Path, repeats: int) -> dict[str, object]:
    """Repeat the benchmark and count the pairs of intervals that overlap."""
    ratios = [benchmark_two(job, baseline, candidate)["speedup"] for _ in range(repeats)]
    values = np.array([ratio["value"] for ratio in ratios])
    pairs = [(a, b) for i, a in enumerate(ratios) for b in ratios[:i]]
    overlap = sum(a["low"] <= b["high"] and b["low"] <= a["high"] for a, b in pairs)
    return {
        "speedups": values.round(4).tolist(),
        "relative_deviation": float(values.std(ddof=1) / values.mean()),
        "overlapping_pairs": f"{overlap} of {len(pairs)}",
    }


if __name__ == "__main__":
    job, baseline, candidate = map(Path, sys.argv[1:4])
    repeats = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    print(json.dumps(measure(Job.load(job), baseline, candidate, repeats), indent=1))
