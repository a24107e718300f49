"""benchmark: measure the speed of all models, interleaved, on the CPUs of the layout."""

import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.datasets.rows import Content
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.hardware import pools
from inc_mlflow.hardware.gpu import gpu_of
from inc_mlflow.hardware.planner import plan_layout
from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.hardware.topology import topology
from inc_mlflow.measure.gate.measurements import LATENCIES
from inc_mlflow.measure.timing.cpu_time import by_cpu_time
from inc_mlflow.measure.timing.speeds import Speeds
from inc_mlflow.measure.timing.wall_time import by_wall_time
from inc_mlflow.measure.timing.worker import save_batches
from inc_mlflow.records import SOURCE, BenchmarkRecord, Evidence, ImportRecord, Model, Plan, Slow, is_baseline
from inc_mlflow.records.sealed_arrays import save_raw
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.sources.framework_model import describe_framework
from inc_mlflow.spec import Job, SourceSpec
from inc_mlflow.spec.source import of_artifact
from inc_mlflow.steps.data import open_data, open_rows
from inc_mlflow.steps.measure.load_model import load_model
from inc_mlflow.steps.measure.models import models_under_test
from inc_mlflow.steps.step import step

BATCHES = 16
"""Batches on which every model is timed, repeated if validation has fewer; their spread gives the
interval."""
PROFILED_BATCHES, PROFILED_SECONDS = 4, 3.0


@step("benchmark", BenchmarkRecord)
def benchmark(job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path) -> BenchmarkRecord:
    """Time source, baseline, present champion and candidates; latencies go to ``latencies.npz``.

    Models that are not faster are then profiled, to explain why. Raises HardwareError where the layout does
    not fit this machine, or the machine is not of the job's pool.
    """
    imported = ImportRecord.load(baseline)
    models = models_under_test(baseline, champion, candidates)
    if (source := _source(job, imported)) is not None:
        models.append(source)
    return benchmark_models(job, models, target, explained=True)


def benchmark_models(job: Job, models: list[Model], target: Path, explained: bool = False) -> BenchmarkRecord:
    """Time any models, one of them the baseline, in turns.

    A candidate that its engine refuses to load or to run here has no numbers. Raises HardwareError where the
    layout does not fit this machine, or the machine is not of the job's pool.
    """
    pool, host = pools.proven_pool_for_speed(job.pool, job.hardware), host_facts(gpu_of(job.hardware))
    where = plan_layout(job.layout, topology())
    batches, content = _batches(job)
    with tempfile.TemporaryDirectory() as folder:
        rows, axes = Path(folder) / "batches.npz", open_rows(job)[1]
        save_batches(rows, batches, axes)
        not_loaded = _not_loaded(models, RunSettings(axes=axes), batches[0])
        able = [model for model in models if model.label not in not_loaded]
        speeds = _measure(job, where)(job, where, able, rows)
    record = BenchmarkRecord(
        evidence=Evidence(
            pool=pool,
            host=host,
            provider=job.hardware.provider,
            data_sha256=content.facts().sha256,
            models={model.label: model.sha256 for model in models},
            engines={model.label: model.engine for model in models},
            not_loaded=not_loaded,
        ),
        valid=not speeds.reasons,
        reasons=(
            *speeds.reasons,
            *speeds.left_out,
            *(f"{label} cannot be run: {why}" for label, why in not_loaded.items()),
        ),
        layout=where.layout,
        clock=speeds.clock,
        conditions=speeds.conditions,
        models=speeds.models,
        confidence=job.spec.gate.confidence,
        against=speeds.against,
        speedup=speeds.ratios.get(speeds.against, {}),
        source_speedup=speeds.ratios.get(SOURCE, {}),
        engine_speedup=speeds.own,
        latencies_sha256="",
    )
    if explained:
        record = record.model_copy(update={"slow": explain_slow_models(job, models, record)})
    return record.model_copy(
        update={"latencies_sha256": save_raw(target / LATENCIES, record, speeds.latencies)}
    )


def _not_loaded(models: Sequence[Model], settings: RunSettings, batch: Arrays) -> dict[str, str]:
    """Return label -> why, of candidates that their engine refuses to run here; one is in memory at a time.

    Baselines and source are left to the instances that time them, whose error ends the benchmark.
    """
    candidates = [model for model in models if model.label != SOURCE and not is_baseline(model.label)]
    return {
        model.label: why for model in candidates if isinstance(why := load_model(model, settings, batch), str)
    }


def _measure(job: Job, where: Plan) -> Callable[[Job, Plan, Sequence[Model], Path], Speeds]:
    """Choose the clock: CPU time for a single thread at full load, else wall time."""
    alone = len(where.cpus) * len(where.cpus[0]) == 1
    return by_cpu_time if alone and job.spec.benchmark.scenario == "throughput" else by_wall_time


def explain_slow_models(job: Job, models: list[Model], record: BenchmarkRecord) -> dict[str, Slow]:
    """Explain each model whose speed-up is below 1 or below the gate's limit.

    Where profiling fails, the explanation says so.
    """
    needed = max(1.0, job.spec.gate.min_speedup)
    slow = [
        model
        for model in models
        if not is_baseline(model.label)
        and model.label in record.speedup
        and record.speedup[model.label].value < needed
    ]
    baselines = {model.engine: model for model in models if is_baseline(model.label)}
    explained: dict[str, Slow] = {}
    for engine, baseline in baselines.items():
        of_engine = [model for model in slow if model.engine == engine]
        explained |= _explained(job, engine, baseline, of_engine, record)
    return explained


def _explained(
    job: Job, engine: str, baseline: Model, slow: list[Model], record: BenchmarkRecord
) -> dict[str, Slow]:
    """Explain the slow models of one engine against its own baseline, if it has an analysis."""
    analysis = ENGINES.get(engine).analysis
    if analysis is None or not slow:
        return {}
    batches = _batches(job)[0][:PROFILED_BATCHES]
    paths = {model.label: Path(model.path) for model in slow}
    try:
        return analysis.explain(Path(baseline.path), paths, batches, _passes(record))
    except ModelError as error:
        why = f"why is not known: {' '.join(str(error).split())}"
        return {label: Slow(seconds=0, baseline_seconds=0, causes=(), summary=why) for label in paths}


def _passes(record: BenchmarkRecord) -> int:
    """Return the passes that profile every model for about the same few seconds, whatever its size."""
    slowest = max(speed.p50_ms for speed in record.models.values()) / 1000
    return max(4, min(100, round(PROFILED_SECONDS / (PROFILED_BATCHES * slowest))))


def _source(job: Job, imported: ImportRecord) -> Model | None:
    """Return the source as it was given, run by its framework; None where nothing here can run it."""
    sha256, size_bytes = imported.source_sha256, imported.source_bytes
    engine, path = job.spec.engines[0], job.model
    if isinstance(job.spec.model, SourceSpec):
        inputs = ENGINES.get(engine).interface(job.model).inputs
        if of_artifact(job.spec.model) or not SOURCES.has_packages(job.spec.model.kind):
            return None
        engine, path = job.spec.model.kind, describe_framework(job.spec.model, job.root, inputs)
    elif imported.source_error is not None:
        return None
    return Model(label=SOURCE, engine=engine, path=str(path), sha256=sha256, size_bytes=size_bytes)


def _batches(job: Job) -> tuple[list[Arrays], Content]:
    content, batches = Content(), []
    for inputs, labels, digests in islice(open_data(job).rows("validation", job.layout.batch), BATCHES):
        content.add(digests, labels)
        batches.append(inputs)
    return list(islice(cycle(batches), BATCHES)), content
