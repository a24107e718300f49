"""benchmark: the speed of all models, interleaved on one pinned core."""

import sys
import tempfile
from collections.abc import Iterable
from itertools import cycle, islice
from pathlib import Path

from inc_mlflow import progress
from inc_mlflow.datasets.rows import Content
from inc_mlflow.errors import ModelError
from inc_mlflow.hardware import pools
from inc_mlflow.hardware.probe import host_facts, pinned_core
from inc_mlflow.measure.bench import Timing, interleave
from inc_mlflow.measure.ratio import contradiction, speed, speedup
from inc_mlflow.ort.explain import explain
from inc_mlflow.ort.instance import save_batches
from inc_mlflow.ort.profile import profile
from inc_mlflow.ort.runner import Arrays
from inc_mlflow.records import BASELINE, BenchmarkRecord, Evidence, ImportRecord, Interval, Model, Slow
from inc_mlflow.spec import Job
from inc_mlflow.steps.inputs import open_data
from inc_mlflow.steps.models import side_by_side
from inc_mlflow.steps.raw import load_raw, save_raw
from inc_mlflow.steps.stage import step

BATCHES = 16
"""Batches that every model is timed on, repeated where validation has fewer; their spread makes the interval."""
LATENCIES = "latencies.npz"
SOURCE = "source"
PROFILED_BATCHES, PROFILED_SECONDS = 4, 3.0


@step("benchmark", BenchmarkRecord)
def benchmark(job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path) -> BenchmarkRecord:
    """Time source, baseline, present champion and candidates; latencies go to ``latencies.npz``.

    Then profile those that are not faster, to say why.
    """
    imported = ImportRecord.load(baseline)
    models = side_by_side(baseline, champion, candidates)
    if imported.source_error is None:
        models.append(_source(job, imported))
    record = benchmark_models(job, models, target)
    return record.model_copy(update={"slow": why_slow(job, models, record)})


def benchmark_models(job: Job, models: list[Model], target: Path) -> BenchmarkRecord:
    """Time any models, one of them the baseline, in turns."""
    batches, content = _batches(job)
    core, sizes = pinned_core(), {model.label: model.size_bytes for model in models}
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "batches.npz"
        save_batches(rows, batches)
        timings = interleave({model.label: _command(model, rows, core) for model in models}, _shown)
    ratios = _ratios(timings, BASELINE, job.spec.gate.confidence)
    reasons = sorted({reason for ratio in ratios.values() if (reason := contradiction(ratio))})
    record = BenchmarkRecord(
        evidence=Evidence(
            pool=pools.here(job.spec.pool),
            host=host_facts(),
            data_sha256=content.facts().sha256,
            models={model.label: model.sha256 for model in models},
        ),
        valid=not reasons,
        reasons=tuple(reasons),
        layout=str(job.layout),
        clock="thread CPU time",
        pinned_to=core,
        passes=len(next(iter(timings.values())).seconds),
        models={name: speed(timing, job.layout.batch, sizes[name]) for name, timing in timings.items()},
        speedup=ratios,
        source_speedup=_ratios(timings, SOURCE, job.spec.gate.confidence) if SOURCE in timings else {},
        latencies_sha256="",
    )
    arrays = {str(index): timing.seconds for index, timing in enumerate(timings.values())}
    return record.model_copy(update={"latencies_sha256": save_raw(target / LATENCIES, record, arrays)})


def load_benchmark(directory: Path) -> BenchmarkRecord:
    """Read a benchmark as it was when it was made."""
    record = BenchmarkRecord.load(directory)
    load_raw(directory / LATENCIES, record, record.latencies_sha256)
    return record


def why_slow(job: Job, models: list[Model], record: BenchmarkRecord) -> dict[str, Slow]:
    """Explain each model whose speed-up is below what the gate needs, or below one; a profile that fails is told too."""
    needed = max(1.0, job.spec.gate.min_speedup)
    slow = [model for model in models if model.label in record.speedup and record.speedup[model.label].value < needed]
    if not slow:
        return {}
    baseline = next(model for model in models if model.label == BASELINE)
    paths = {model.label: Path(model.path) for model in [baseline, *slow]}
    batches = _batches(job)[0][:PROFILED_BATCHES]
    try:
        profiles = profile(paths, batches, _passes(record))
    except ModelError as error:
        return {
            model.label: Slow(seconds=0, baseline_seconds=0, causes=(), summary=f"why is not known: {error}") for model in slow
        }
    return {model.label: explain(Path(baseline.path), profiles[BASELINE], profiles[model.label]) for model in slow}


def _passes(record: BenchmarkRecord) -> int:
    """Profile every model for about the same few seconds, whatever its size."""
    slowest = max(speed.p50_ms for speed in record.models.values()) / 1000
    return max(4, min(100, round(PROFILED_SECONDS / (PROFILED_BATCHES * slowest))))


def _source(job: Job, imported: ImportRecord) -> Model:
    sha256, size_bytes = imported.source_sha256, imported.source_bytes
    return Model(label=SOURCE, path=str(job.model), sha256=sha256, size_bytes=size_bytes)


def _batches(job: Job) -> tuple[list[Arrays], Content]:
    content, batches = Content(), []
    for inputs, labels, digests in islice(open_data(job).rows("validation", job.layout.batch), BATCHES):
        content.add(digests, labels)
        batches.append(inputs)
    return list(islice(cycle(batches), BATCHES)), content


def _command(model: Model, batches: Path, core: int | None) -> list[str]:
    pin = "-1" if core is None else str(core)
    return [sys.executable, "-m", "inc_mlflow.ort.instance", model.path, str(batches), pin, "1"]


def _shown(rounds: Iterable[int], total: int) -> Iterable[int]:
    return progress.track(rounds, "benchmark", total)


def _ratios(timings: dict[str, Timing], against: str, confidence: float) -> dict[str, Interval]:
    others = {name: timing for name, timing in timings.items() if name not in {against, SOURCE}}
    return {name: speedup(timings[against], timing, confidence) for name, timing in others.items()}
