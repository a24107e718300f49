"""Print, as JSON, how the models that `recipes: auto` finds compare with those of other tools and of another version of
this project, all measured in one run.

Every model, the file as shipped among them, is evaluated on the job's validation split and timed in turns with the
others: CPU time, one thread. A row holds the metric with the standard error of its difference to the baseline
(paired: the same rows), the speed against the file as shipped and against the baseline, and the gate's verdict.
``handed_over`` is what the search ends with: the first of its models that the gate does not refuse, else the
baseline. ``better`` names for each model of another tool or version those of ours that it is better than, in the
sense of `comparison.py`; ``better_than_handed_over`` is the short list. What could not be made, loaded or run stands
in ``not_measured`` with its reason.

``search`` compares the CPU time of the search, all threads, with and without what a process takes to start,
with what it may use: the larger of 60 s and 15 default static quantisations by onnxruntime on the same
samples; and with that of each other version.

``.venv/bin/python -m tests.benchmarks.auto JOB OUT [FOLDER ...] [--against NAME=OUT ...]``: searches in OUT where no finished
search is (``--search-only`` ends there), and compares with the .onnx files below each FOLDER, as ``peers/make.py`` writes
them, and with what another version, called NAME, left in its OUT.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from onnxruntime.quantization import CalibrationDataReader, quantize_static

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from inc_mlflow.files import model_bytes, model_sha256
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.measure.gate.measurements import load_measured
from inc_mlflow.records import BASELINE, SOURCE, CandidatesRecord, Model
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.measure.benchmark import benchmark_models
from inc_mlflow.steps.measure.evaluate import evaluate_models
from tests.benchmarks.comparison import Comparison

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
COST, FAILED = "cost.json", "failed.json"
LEAST, TIMES = 60.0, 15
SHIPPED = "shipped"
KEEPS_FP32 = 3
"""Exit code of a search that found nothing both good and faster."""


def main(path: Path, out: Path, folders: list[Path], others: dict[str, Path]) -> dict[str, object]:
    """Search, then measure everything side by side."""
    job = Job.load(path)
    cost = search(path, out) | allowed(job)
    ours, older = found(out, "auto"), [one for name, other in others.items() for one in found(other, name)]
    theirs, broken = loadable(job, [*peers(folders), *older])
    shipped, _ = loadable(job, [model(SHIPPED, job.model)])
    with tempfile.TemporaryDirectory() as scratch:
        normalize(job.model, Path(scratch))
        baseline = model(BASELINE, Path(scratch) / MODEL)
        compared = measured(job, [baseline, *ours, *shipped, *theirs], Path(scratch))
    return {
        "search": cost | {name: spent(other) for name, other in others.items()},
        **told(compared, labels(ours), labels(theirs)),
        "not_measured": failed(folders) | broken,
    }


def model(label: str, path: Path) -> Model:
    """Describe a file."""
    return Model(
        label=label, path=str(path.resolve()), sha256=model_sha256(path), size_bytes=model_bytes(path)
    )


def labels(models: list[Model]) -> list[str]:
    """Return their labels."""
    return [one.label for one in models]


def found(out: Path, name: str) -> list[Model]:
    """Return the models that a search left, the name of the search before each recipe's; none if it found none."""
    if "error" in spent(out):
        return []
    return [model(f"{name}: {one.label}", out / one.path) for one in CandidatesRecord.load(out).candidates]


def peers(folders: list[Path]) -> list[Model]:
    """Return all models below the folders, named by their folder and file."""
    files = [file for folder in folders for file in sorted(folder.rglob("*.onnx"))]
    return [model(f"{file.parent.name}/{file.stem}", file) for file in files]


def failed(folders: list[Path]) -> dict[str, str]:
    """Return what other tools could not make, and why."""
    files = [folder / FAILED for folder in folders if (folder / FAILED).exists()]
    return {name: why for file in files for name, why in json.loads(file.read_text()).items()}


def search(job: Path, out: Path) -> dict[str, object]:
    """Search where no search has finished, and return what it cost: as it counts itself, and what the system
    counts. A search that ends without a model leaves what it said as ``error``."""
    if not (out / COST).exists():
        out.mkdir(parents=True, exist_ok=True)
        before = children()
        subprocess.run([sys.executable, "-c", "import inc_mlflow.steps.standalone.search"], check=True)
        start = children() - before
        done = subprocess.run(
            [PROGRAM, "search", job, "-o", out, "--json"], capture_output=True, text=True, check=False
        )
        cost = {"cpu_seconds": children() - before - 2 * start, "process_start_cpu_seconds": start}
        if done.returncode in (0, KEEPS_FP32):
            cost["own_cpu_seconds"] = json.loads(done.stdout)["cpu_seconds"]
        else:
            cost["error"] = done.stderr.strip()
        (out / COST).write_text(json.dumps(cost))
    return spent(out)


def spent(out: Path) -> dict[str, object]:
    """Return what a finished search cost."""
    return dict(json.loads((out / COST).read_text()))


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
    work. Where it cannot quantise the model, the least is allowed."""
    rows = [inputs for inputs, *_ in open_data(job).rows("calibration", 1)]
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        start = time.process_time()
        with contextlib.suppress(Exception):  # any of a library's
            quantize_static(job.model, Path(folder) / MODEL, Reader(rows))
        seconds = time.process_time() - start
    os.sched_setaffinity(0, cores)
    return {"default_quantisation_cpu_seconds": seconds, "allowed_cpu_seconds": max(LEAST, TIMES * seconds)}


def loadable(job: Job, models: list[Model]) -> tuple[list[Model], dict[str, str]]:
    """Return the models that run, and why the others do not."""
    inputs = next(iter(open_data(job).rows("validation", job.layout.batch)))[0]
    running, broken = [], {}
    for one in models:
        try:
            Runner(Path(one.path), threads=1)(inputs)
            running.append(one)
        except ModelError as error:
            broken[one.label] = str(error)
    return running, broken


def measured(job: Job, models: list[Model], folder: Path) -> Comparison:
    """Return the gate's rows, the baseline's first, and each model's outcomes."""
    evaluation = evaluate_models(job, models, "validation", folder)
    benchmark = benchmark_models(job, [*models, model(SOURCE, job.model)], folder)
    of_pool = load_measured(folder, evaluation, benchmark)
    table = judge(models, {job.spec.pool: of_pool}, job.spec.gate).table
    return Comparison({row.recipe: row for row in table}, of_pool.outcomes, evaluation.decomposable)


def told(compared: Comparison, ours: list[str], theirs: list[str]) -> dict[str, object]:
    """Write all rows short, and who is better than whom."""
    handed_over = compared.best(ours, BASELINE)
    mine = [*ours, BASELINE] if handed_over == BASELINE else ours
    better = {one: [other for other in mine if compared.better(one, than=other)] for one in theirs}
    return {
        "handed_over": handed_over,
        "better_than_handed_over": [one for one, than in better.items() if handed_over in than],
        "better": better,
        "models": [line(name, compared) for name in compared.rows],
    }


def line(name: str, compared: Comparison) -> dict[str, object]:
    """Write a row short."""
    row = compared.rows[name]
    return {
        "model": name,
        "accuracy": round(row.accuracy.value, 4) if row.accuracy else None,
        "se": round(compared.standard_error(name, BASELINE), 4),
        "source_speedup": round(row.source_speedup.value, 3) if row.source_speedup else None,
        "speedup": round(row.speedup.value, 3) if row.speedup else None,
        "verdict": row.verdict,
    }


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("job", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--against", nargs="+", default=[], metavar="NAME=OUT")
    parser.add_argument("--search-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    if given.search_only:
        answer = search(given.job, given.out)
    else:
        others = {name: Path(out) for name, _, out in (one.partition("=") for one in given.against)}
        answer = main(given.job, given.out, given.folders, others)
    print(json.dumps(answer, indent=1))
