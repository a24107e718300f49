"""Print as JSON what each model gains by the rules for speed: thread CPU time of the shipped file, and of the baseline
imported without these rules, with them, and with all but one (``by_rule``: what the others do not make up for).

``.venv/bin/python -m tests.benchmarks.rewrites MODEL.onnx INPUT=1x3x48x192 ... [MODEL.onnx ...]``. One thread, the
rows that the shapes name (values normal, integers 0 or 1), models interleaved, tenth percentile of the rounds.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, interface
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rules import SPEED
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner

ROUNDS, ROWS, PERCENTILE = 60, 3, 10
SHORTEST = 0.01
"""Seconds that one timing takes at least."""


def main(arguments: list[str]) -> None:
    """Measure each model with the shapes that follow it."""
    models: dict[str, dict[str, tuple[int, ...]]] = {}
    for argument in arguments:
        if argument.endswith(".onnx"):
            shapes = models.setdefault(argument, {})
        else:
            name, _, lengths = argument.rpartition("=")
            shapes[name] = tuple(map(int, lengths.split("x")))
    for path, given in models.items():
        print(json.dumps(measure(Path(path), given)), flush=True)


def measure(source: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, object]:
    """Return milliseconds per row, ratios, the time of the import and how often each rule was applied."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        counts, fast = imported(source, Path(folder) / "fast", ())
        seconds = time.process_time() - start
        applied = {name: count for name, count in counts.items() if count}
        without = [(name, (name,)) for name in applied]
        others = [
            imported(source, Path(folder) / name, left_out)[1]
            for name, left_out in (("plain", SPEED), *without)
        ]
        models = [Runner(path, threads=1) for path in (source, fast, *others)]
        rows = rows_of(source, shapes)
        outputs = [[model(row) for row in rows] for model in models[:2]]
        shipped, with_rules, without_rules, *without_one = timed(models, rows)
    return {
        "model": str(source),
        "shipped_ms": shipped * 1e3,
        "without_rules_ms": without_rules * 1e3,
        "with_rules_ms": with_rules * 1e3,
        "against_shipped": shipped / with_rules,
        "by_the_rules": without_rules / with_rules,
        "by_rule": {name: one / with_rules for name, one in zip(applied, without_one, strict=True)},
        "largest_relative_difference": largest(*outputs),
        "import_seconds": seconds,
        "applied": applied,
    }


def imported(source: Path, folder: Path, without: tuple[str, ...]) -> tuple[dict[str, int], Path]:
    """Import a model without some rules; return how often each was applied, and the file."""
    folder.mkdir()
    return dict(normalize(source, folder, without).quickened), folder / MODEL


def rows_of(source: Path, shapes: dict[str, tuple[int, ...]]) -> list[Arrays]:
    """Return rows for the inputs; a free axis without a given shape has length 1."""
    generator = np.random.default_rng(0)
    rows: list[Arrays] = []
    for _ in range(ROWS):
        row: Arrays = {}
        for one in interface(source).inputs:
            shape = shapes.get(one.name) or tuple(n if isinstance(n, int) else 1 for n in one.shape or ())
            values = (
                generator.standard_normal(shape) if "float" in one.dtype else generator.integers(0, 2, shape)
            )
            row[one.name] = np.asarray(values).astype(one.dtype)
        rows.append(row)
    return rows


def timed(models: list[Runner], rows: list[Arrays]) -> list[float]:
    """Return thread CPU seconds per row of each model."""
    start = time.thread_time()
    models[0](rows[0])
    repeats = max(1, round(SHORTEST / (time.thread_time() - start)))
    times: list[list[float]] = [[] for _ in models]
    for number in range(ROUNDS):
        for model, found in zip(models, times, strict=True):
            start = time.thread_time()
            for _ in range(repeats):
                model(rows[number % ROWS])
            found.append((time.thread_time() - start) / repeats)
    return [float(np.percentile(found, PERCENTILE)) for found in times]


def largest(before: list[Arrays], after: list[Arrays]) -> float:
    """Return the largest difference of any output, relative to its largest value."""
    pairs = [(one[name], other[name]) for one, other in zip(before, after, strict=True) for name in one]
    return max(float(np.abs(a.astype("f8") - b).max() / (np.abs(a).max() or 1.0)) for a, b in pairs)


if __name__ == "__main__":
    main(sys.argv[1:])
