"""Print, as JSON, how the models that `recipes: auto` finds compare with those of other tools, all measured in one run.

Every model is evaluated on the job's validation split and timed in turns with the others: CPU time, one
thread. A row holds the metric with the standard error of its difference to the baseline (paired: the same
rows), the speed against the file as shipped and against the baseline, and the gate's verdict; ``champion`` is
what the gate would promote. A model of another tool ``beats`` one of ours where it is better by more than one
standard error of their difference and also faster by more than 5 %.

``search`` compares the CPU time of the search, all threads, with and without what a process takes to start,
with what it may use: the larger of 60 s and 15 default static quantisations by onnxruntime on the same
samples.

``.venv/bin/python tests/benchmarks/auto.py JOB OUT [FOLDER ...]``: searches in OUT where no finished search
is, and compares with the .onnx files below each FOLDER, as ``peers/make.py`` writes them.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, quantize_static

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from inc_mlflow.files import model_bytes, model_sha256
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.measure.gate.measurements import load_measured
from inc_mlflow.records import BASELINE, CandidatesRecord, Model, Row
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.measure.benchmark import SOURCE, benchmark_models
from inc_mlflow.steps.measure.evaluate import evaluate_models

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
COST = "cost.json"
LEAST, TIMES = 60.0, 15
FASTER = 1.05


def main(path: Path, out: Path, folders: list[Path]) -> dict[str, object]:
    """Search, then measure everything side by side."""
    job = Job.load(path)
    cost = search(path, out)
    with tempfile.TemporaryDirectory() as scratch:
        normalize(job.model, Path(scratch))
        ours = [model(f"auto: {one.label}", out / one.path) for one in CandidatesRecord.load(out).candidates]
        peers, broken = loadable(job, [file for folder in folders for file in sorted(folder.rglob("*.onnx"))])
        models = [model(BASELINE, Path(scratch) / MODEL), *ours, *peers]
        rows, outcomes = measured(job, models, Path(scratch))
        return {
            "search": cost | allowed(job),
            "champion": next(
                (row.recipe for row in rows if row.recipe in labels(ours) and row.verdict == "pass"), None
            ),
            "models": [told(row, outcomes) for row in rows],
            "do_not_load": broken,
            "beats": {
                row.recipe: beaten(row, rows, outcomes, ours) for row in rows if row.recipe in labels(peers)
            },
        }


def model(label: str, path: Path) -> Model:
    """Describe a file."""
    return Model(
        label=label, path=str(path.resolve()), sha256=model_sha256(path), size_bytes=model_bytes(path)
    )


def labels(models: list[Model]) -> set[str]:
    """Return their labels."""
    return {one.label for one in models}


def search(job: Path, out: Path) -> dict[str, float]:
    """Search where no search has finished, and return what it cost: as it counts itself, and what the system
    counts."""
    if not (out / COST).exists():
        before = children()
        subprocess.run([sys.executable, "-c", "import inc_mlflow.steps.standalone.search"], check=True)
        start = children() - before
        done = subprocess.run(
            [PROGRAM, "search", job, "-o", out, "--json"], stdout=subprocess.PIPE, check=True
        )
        cost = {
            "own_cpu_seconds": json.loads(done.stdout)["cpu_seconds"],
            "cpu_seconds": children() - before - 2 * start,
            "process_start_cpu_seconds": start,
        }
        (out / COST).write_text(json.dumps(cost))
    return json.loads((out / COST).read_text())


def children() -> float:
    """Return the CPU seconds of the processes that this one waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Reader(CalibrationDataReader):
    """Rows as onnxruntime wants them."""

    def __init__(self, rows: list[Arrays]) -> None:
        self._rows = iter(rows)

    def get_next(self) -> Arrays | None:
        """Return the next row or None."""
        return next(self._rows, None)


def allowed(job: Job) -> dict[str, float]:
    """Time one default static quantisation by onnxruntime, on one core: its idle threads would count as
    work."""
    rows = [inputs for inputs, *_ in open_data(job).rows("calibration", 1)]
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        start = time.process_time()
        quantize_static(job.model, Path(folder) / MODEL, Reader(rows))
        seconds = time.process_time() - start
    os.sched_setaffinity(0, cores)
    return {"default_quantisation_cpu_seconds": seconds, "allowed_cpu_seconds": max(LEAST, TIMES * seconds)}


def loadable(job: Job, files: list[Path]) -> tuple[list[Model], dict[str, str]]:
    """Return the models that run, and why the others do not."""
    inputs = next(iter(open_data(job).rows("validation", job.layout.batch)))[0]
    models, broken = [], {}
    for file in files:
        label = f"{file.parent.name}/{file.stem}"
        try:
            Runner(file, threads=1)(inputs)
            models.append(model(label, file))
        except ModelError as error:
            broken[label] = str(error)
    return models, broken


def measured(job: Job, models: list[Model], folder: Path) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Return the gate's rows, the baseline's first, and each model's outcomes."""
    evaluation = evaluate_models(job, models, "validation", folder)
    benchmark = benchmark_models(job, [*models, model(SOURCE, job.model)], folder)
    measured = load_measured(folder, evaluation, benchmark)
    table = judge(models, {job.spec.pool: measured}, job.spec.gate).table
    return list(table), dict(measured.outcomes) | {"decomposable": np.array(evaluation.decomposable)}


def told(row: Row, outcomes: dict[str, np.ndarray]) -> dict[str, object]:
    """Write a row short."""
    return {
        "model": row.recipe,
        "accuracy": round(row.accuracy.value, 4) if row.accuracy else None,
        "se": round(standard_error(row.recipe, BASELINE, outcomes), 4),
        "source_speedup": round(row.source_speedup.value, 3) if row.source_speedup else None,
        "speedup": round(row.speedup.value, 3) if row.speedup else None,
        "verdict": row.verdict,
    }


def standard_error(one: str, other: str, outcomes: dict[str, np.ndarray]) -> float:
    """Return the standard error of the difference of two models' metrics, from the same rows or the same
    resamples."""
    difference = outcomes[one] - outcomes[other]
    return float(difference.std(ddof=1) / (np.sqrt(len(difference)) if outcomes["decomposable"] else 1))


def beaten(peer: Row, rows: list[Row], outcomes: dict[str, np.ndarray], ours: list[Model]) -> list[str]:
    """Return those of our models that a peer's is better than, in both."""
    return [row.recipe for row in rows if row.recipe in labels(ours) and beats(peer, row, outcomes)]


def beats(peer: Row, our: Row, outcomes: dict[str, np.ndarray]) -> bool:
    """Tell whether a peer is better beyond noise and also faster by more than 5 %.

    The metric must be better where higher.
    """
    gain = peer.accuracy.value - our.accuracy.value
    noise = standard_error(peer.recipe, our.recipe, outcomes)
    return gain > noise and peer.speedup.value > FASTER * our.speedup.value


if __name__ == "__main__":
    job, out, *folders = map(Path, sys.argv[1:])
    print(json.dumps(main(job, out, folders), indent=1))
