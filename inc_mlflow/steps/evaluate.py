"""evaluate: the metric of all models on the same rows, with the outcomes that paired statistics need."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from inc_mlflow import progress
from inc_mlflow.datasets.rows import Content
from inc_mlflow.errors import DataError, ModelError
from inc_mlflow.hardware import pools
from inc_mlflow.hardware.expect import confirm
from inc_mlflow.hardware.gpu import gpu_of
from inc_mlflow.hardware.probe import host_facts, usable_cores
from inc_mlflow.measure.evidence import Measured
from inc_mlflow.measure.outcomes import Outcomes, Scoring, collect_outcomes
from inc_mlflow.measure.resample import RESAMPLES
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.ort.runner import Arrays, Runner
from inc_mlflow.records import BASELINE, BenchmarkRecord, Evaluated, EvaluationRecord, Evidence, Model
from inc_mlflow.spec import Isa, Job, emulated_pool
from inc_mlflow.steps.emulate import evaluate_as
from inc_mlflow.steps.inputs import open_data
from inc_mlflow.steps.models import side_by_side
from inc_mlflow.steps.raw import load_raw, save_raw
from inc_mlflow.steps.stage import step

OUTCOMES = "outcomes.npz"
_CLASSES = " classes"
"""Name among the outcomes that no model has: labels begin with no blank."""


@step("evaluation", EvaluationRecord)
def evaluate(job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path) -> EvaluationRecord:
    """Evaluate baseline, present champion and candidates on validation; outcomes go to ``outcomes.npz``.

    On the job's first pool once more for every emulated one, with record and outcomes in a directory of its name.
    """
    confirm(job.pool, job.hardware)  # also before the emulated pools
    models = side_by_side(baseline, champion, candidates)
    isas = job.spec.emulated if job.pool == job.spec.pool else ()
    emulated = {isa: evaluate_as(isa, job, models, "validation", target / isa) for isa in isas}
    return evaluate_models(job, models, "validation", target, {isa: one.identity() for isa, one in emulated.items()})


def evaluate_models(
    job: Job, models: list[Model], split: str, target: Path, emulated: Mapping[str, str] = MappingProxyType({})
) -> EvaluationRecord:
    """Evaluate any models, baseline first, on any split of the job; ``emulated`` are identities of records beside this one."""
    pool, host = pools.here(job.pool, job.hardware), host_facts(gpu_of(job.hardware))
    provider = job.hardware.provider
    runners = {model.label: Runner(Path(model.path), threads=1, provider=provider) for model in models}
    _check_outputs(runners)
    metric = resolve(job.spec.metric, job.root, runners[BASELINE].outputs)
    fed = _Fed()
    outcomes = collect_outcomes(runners, BASELINE, _rows(job, split, fed), _scoring(metric), len(usable_cores()), _shown)
    facts = fed.content.facts()
    record = EvaluationRecord(
        evidence=Evidence(
            pool=pool,
            host=host,
            provider=provider,
            data_sha256=facts.sha256,
            models={model.label: model.sha256 for model in models},
        ),
        split=split,
        metric=metric.name,
        higher_is_better=metric.higher_is_better,
        decomposable=metric.decomposable,
        rows=facts.rows,
        batch=job.layout.batch,
        results={model.label: _evaluated(model, outcomes[model.label]) for model in models},
        outcomes_sha256="",
        emulated=dict(emulated),
    )
    arrays = {model.label: outcomes[model.label].replicates for model in models}
    digest = save_raw(target / OUTCOMES, record, arrays | _classes(metric, fed.labels))
    return record.model_copy(update={"outcomes_sha256": digest})


def _check_outputs(runners: dict[str, Runner]) -> None:
    """Refuse a model that does not give what the baseline gives: no metric could compare them."""
    expected = runners[BASELINE].outputs
    for runner in runners.values():
        if missing := set(expected) - set(runner.outputs):
            raise ModelError(
                f"{runner.model}: lacks the outputs {', '.join(sorted(missing))}; it has {', '.join(runner.outputs)}"
            )


def load_emulated(directory: Path, record: EvaluationRecord, isa: Isa) -> EvaluationRecord:
    """Read the record of an emulated pool, as it was when the evaluation that it is part of was made."""
    if isa not in record.emulated:
        raise DataError(f"{directory}: holds no evaluation on {emulated_pool(isa)}; evaluate again")
    emulated = EvaluationRecord.load(directory / isa)
    if emulated.identity() != record.emulated[isa]:
        raise DataError(f"{directory / isa}: changed since it was measured; evaluate again")
    return emulated


def load_measured(directory: Path, record: EvaluationRecord, benchmark: BenchmarkRecord | None) -> Measured:
    """Join an evaluation with its outcomes by model, as they were when its record was made."""
    arrays = load_raw(directory / OUTCOMES, record, record.outcomes_sha256)
    classes = arrays.pop(_CLASSES, None)
    return Measured(record, arrays, benchmark, classes)


class _Fed:
    """What was really fed to the models."""

    def __init__(self) -> None:
        self.content = Content()
        self.labels: list[np.ndarray | None] = []


def _classes(metric: Metric, labels: list[np.ndarray | None]) -> dict[str, np.ndarray]:
    """Return the class of each row, where labels are classes: a gate may ask for the worst one."""
    given = [label for label in labels if label is not None and label.ndim == 1 and label.dtype.kind in "biu"]
    if not metric.decomposable or not given or len(given) < len(labels):
        return {}
    return {_CLASSES: np.concatenate(given)}


def _rows(job: Job, split: str, fed: _Fed) -> Iterator[tuple[Arrays, np.ndarray | None]]:
    """Stream the split in the layout's batch size, and take down what was really fed."""
    data, size = open_data(job), job.layout.batch
    for inputs, labels, digests in progress.track(data.rows(split, size), f"evaluate on {split}", data.batches(split, size)):
        fed.content.add(digests, labels)
        fed.labels.append(labels)
        yield inputs, labels


def _shown(replicates: Iterable[list[float]]) -> Iterable[list[float]]:
    return progress.track(replicates, "resample the metric", RESAMPLES)


def _scoring(metric: Metric) -> Scoring:
    return Scoring(metric.keep, metric.score, metric.decomposable, metric.group, metric.missing)


def _evaluated(model: Model, outcomes: Outcomes) -> Evaluated:
    if np.isfinite(outcomes.value) and np.isfinite(outcomes.replicates).all():
        return Evaluated(value=outcomes.value, size_bytes=model.size_bytes)
    return Evaluated(value=None, reason="the metric gave NaN or infinity", size_bytes=model.size_bytes)
