"""What a careless learning rate does, and whether a trained file is as fast as the one it began with.

    .venv/bin/python -m tests.benchmarks.qat_rates DIGITS.npz [SEEDS]

The network and rows of tests/benchmarks/qat.py, 8 and 4 bits of weights, each seed at ten times the rate that the
search for one takes. Prints JSON: for each seed the accuracy of the start and of what is handed over, their difference
in standard errors, row by row, and the trained file's speed, measured in turns with the start.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.measure.timing.cpu_time import cpu_time_speedup
from inc_mlflow.measure.timing.in_process import time_in_process
from tests.benchmarks.qat import Digits, prepared, trained

TIMES, EPOCHS, TIMED = 10, 3, 8


def errors(before: np.ndarray, after: np.ndarray) -> float:
    """Return how many standard errors the second is better, row by row."""
    difference = after - before
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return float(difference.mean() / error) if error else 0.0


def speed(digits: Digits, start: Path, target: Path) -> dict[str, float]:
    models = [ENGINE.load(path, RunSettings()) for path in (start, target)]
    batches = [{"x": digits.judging[0][at : at + 8]} for at in range(0, 8 * TIMED, 8)]
    return cpu_time_speedup(*time_in_process(*models, batches), 0.95).model_dump()


def main(archive: str, seeds: str = "10") -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        digits = prepared(archive, folder)
        rows = tuple(part.numpy() for part in digits.pictures)
        found = {}
        for bits in (8, 4):
            _, _, facts = trained(digits, rows, bits, folder / f"{bits}", epochs=1)
            rate = min(1.0, TIMES * facts["learning_rate"])
            for seed in range(int(seeds)):
                settings = {"epochs": EPOCHS, "seed": seed, "learning_rate": rate}
                start, target, facts = trained(digits, rows, bits, folder / f"{bits}-{seed}", **settings)
                before, after = digits.hits(start), digits.hits(target)
                found[f"{bits} bits, rate {rate:g}, seed {seed}"] = {
                    "start": before.mean(),
                    "handed over": after.mean(),
                    "standard errors": errors(before, after),
                    "epoch": facts["chosen"],
                    "speed": speed(digits, start, target),
                }
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
