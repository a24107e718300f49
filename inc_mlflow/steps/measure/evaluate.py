"""evaluate: compute the metric of all models on the same rows, with the outcomes for paired statistics."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from inc_mlflow import progress
from inc_mlflow.arrays import Arrays
from inc_mlflow.datasets.share import Share
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.hardware import pools
from inc_mlflow.hardware.expect import confirm_pool
from inc_mlflow.hardware.gpu import gpu_of
from inc_mlflow.hardware.probe import host_facts, usable_cores
from inc_mlflow.measure.gate.measurements import OUTCOMES
from inc_mlflow.measure.stats.constant_answer import TRIED, constant_answer, first_answers, plain_outcomes
from inc_mlflow.measure.stats.outcomes import OPTIONAL, Outcomes, evaluate_metrics, outcomes_of
from inc_mlflow.measure.stats.resample import RESAMPLES
from inc_mlflow.measure.stats.scoring import (
    check_outputs,
    classes_of,
    effective_rows_of,
    groups_of,
    scoring_of,
    scorings_of,
)
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import further_metrics, resolve_metrics
from inc_mlflow.records import (
    BASELINE,
    INT8,
    WHOLE,
    Evaluated,
    Evaluation,
    EvaluationRecord,
    Evidence,
    Model,
    Shard,
)
from inc_mlflow.records.measurements import CONSTANT, GROUPS, FurtherResults, joined_by_metric
from inc_mlflow.records.sealed_arrays import save_raw
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_rows
from inc_mlflow.steps.measure.emulate import evaluate_emulated
from inc_mlflow.steps.measure.load_model import load_model
from inc_mlflow.steps.measure.models import models_under_test
from inc_mlflow.steps.step import step


@step("evaluation", EvaluationRecord)
def evaluate(job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path) -> EvaluationRecord:
    """Evaluate baseline, present champion and candidates on validation; outcomes go to ``outcomes.npz``.

    On the job's first pool this is repeated for every emulated pool, in a directory of its name. Raises
    HardwareError where this machine is not of the job's pool.
    """
    confirm_pool(job.pool, job.hardware)  # before the emulated pools too
    models = models_under_test(baseline, champion, candidates)
    isas = job.spec.emulated if job.pool == job.spec.pool else ()
    emulated = {isa: evaluate_emulated(isa, job, models, "validation", target / isa) for isa in isas}
    return evaluate_models(
        job, models, "validation", target, {isa: record.identity() for isa, record in emulated.items()}
    )


def evaluate_models(
    job: Job,
    models: list[Model],
    split: str,
    target: Path,
    emulated: Mapping[str, str] = MappingProxyType({}),
) -> EvaluationRecord:
    """Evaluate any models, baseline first, on any split of the job.

    ``emulated`` are the identities of the records of emulated pools, by instruction set. Raises HardwareError
    where this machine is not of the job's pool, ModelError or DataError where models or rows do not fit.
    """
    run = run_models(job, models, split, emulated)
    sizes = {model.label: model.size_bytes for model in models}
    return score_and_record(run.about, run.metrics, run.reduced, sizes, run.of_rows, target)


@dataclass(frozen=True)
class ShardRun:
    """Results of all models on the rows of a shard."""

    about: Evaluation
    """The evaluation of the whole split."""
    metrics: tuple[Metric, ...]
    outputs: list[str]
    """Names of the baseline's outputs."""
    reduced: dict[str, dict[str, Arrays]]
    """Metric -> label of the model -> what it needs of its rows; ``OPTIONAL`` is the constant answer."""
    rows: int
    of_rows: dict[str, np.ndarray]
    """Classes and groups of all rows of the split, if rows have any."""


def run_models(
    job: Job, models: list[Model], split: str, emulated: Mapping[str, str], shard: Shard = WHOLE
) -> ShardRun:
    """Run all models on the batches of a shard, in the layout's batch size.

    A candidate that its engine refuses to load or to run here has no results: each is called once before the
    pass. Raises HardwareError where this machine is not of the job's pool, ModelError where a model fails
    later, or a baseline fails.
    """
    pool, host = pools.proven_pool(job.pool, job.hardware), host_facts(gpu_of(job.hardware))
    provider = job.hardware.provider
    data, axes = open_rows(job)
    settings = RunSettings(device=provider, axes=axes)
    share = Share(data, split, job.layout.batch, shard)
    share.check()  # before any model runs
    first = next((inputs for inputs, *_ in data.rows(split, job.layout.batch)), None)
    loaded = {model.label: load_model(model, settings, first) for model in models}
    runners = {label: one for label, one in loaded.items() if not isinstance(one, str)}
    check_outputs(runners)
    outputs = list(runners[BASELINE].outputs)
    metrics = resolve_metrics(job.spec, job.root, outputs)
    scorings = scorings_of(metrics)
    given = first_answers(runners[BASELINE], data.drawn(split, TRIED))
    constants = {
        one.name: constant_answer(given, scorings[one.name], one.higher_is_better) for one in metrics
    }
    batches = share.batches(f"evaluate on {split}")
    reduced = evaluate_metrics(runners, BASELINE, batches, scorings, len(usable_cores()), constants)
    metric = metrics[0]
    facts, digests = share.facts(), {model.label: model.sha256 for model in models}
    engines = {model.label: model.engine for model in models}
    about = Evaluation(
        evidence=Evidence(
            pool=pool,
            host=host,
            provider=provider,
            data_sha256=facts.sha256,
            models=digests,
            engines=engines,
            precisions={model.label: model.precision for model in models if model.precision != INT8},
            not_loaded={label: one for label, one in loaded.items() if isinstance(one, str)},
        ),
        split=split,
        metric=metric.name,
        higher_is_better=metric.higher_is_better,
        decomposable=metric.decomposable,
        score_range=metric.score_range,
        group=job.spec.data.group if split == "validation" else None,
        rows=facts.rows,
        batch=job.layout.batch,
        emulated=dict(emulated),
        further=further_metrics(job.spec),
    )
    of_rows = classes_of(metric, share.labels) | groups_of(data.groups(split))
    return ShardRun(about, metrics, outputs, reduced, share.rows, of_rows)


def score_and_record(
    about: Evaluation,
    metrics: Sequence[Metric],
    reduced: Mapping[str, Mapping[str, Arrays]],
    sizes: Mapping[str, int],
    of_rows: Arrays,
    target: Path,
) -> EvaluationRecord:
    """Score the reduced rows of all models, write the outcomes, and return the record."""
    groups, absent = of_rows.get(GROUPS), _not_loaded(about.evidence, sizes)
    first, *others = [_score(metric, reduced[metric.name], sizes, groups, absent) for metric in metrics]
    record = EvaluationRecord(
        **dict(about),
        **dict(first.found),
        outcomes_sha256="",
        further_results={metric.name: one.found for metric, one in zip(metrics[1:], others, strict=True)},
    )
    arrays = joined_by_metric([first.arrays | of_rows, *(one.arrays for one in others)])
    digest = save_raw(target / OUTCOMES, record, arrays)
    return record.model_copy(update={"outcomes_sha256": digest})


@dataclass(frozen=True)
class _Scored:
    """What one metric found, and the replicates of all models and of the constant answer by name."""

    found: FurtherResults
    arrays: Arrays


def _not_loaded(evidence: Evidence, sizes: Mapping[str, int]) -> dict[str, Evaluated]:
    return {
        label: Evaluated(value=None, reason=why, size_bytes=sizes[label])
        for label, why in evidence.not_loaded.items()
    }


def _score(
    metric: Metric,
    reduced: Mapping[str, Arrays],
    sizes: Mapping[str, int],
    groups: np.ndarray | None,
    absent: dict[str, Evaluated],
) -> _Scored:
    scoring = scoring_of(metric)
    models = {label: kept for label, kept in reduced.items() if label != OPTIONAL}
    outcomes = outcomes_of(models, BASELINE, scoring, len(usable_cores()), _shown, groups)
    constant = plain_outcomes(reduced.get(OPTIONAL), reduced[BASELINE], scoring)
    found = FurtherResults(
        results={label: _evaluated(scores, sizes[label]) for label, scores in outcomes.items()} | absent,
        constant_score=constant and constant.value,
        hangs_on=effective_rows_of(metric, reduced[BASELINE], groups),
    )
    arrays = {label: scores.replicates for label, scores in outcomes.items()}
    return _Scored(found, arrays if constant is None else arrays | {CONSTANT: constant.replicates})


def _shown(replicates: Iterable[list[float]]) -> Iterable[list[float]]:
    return progress.track(replicates, "resample the metric", RESAMPLES)


def _evaluated(outcomes: Outcomes, size_bytes: int) -> Evaluated:
    if np.isfinite(outcomes.value) and np.isfinite(outcomes.replicates).all():
        return Evaluated(value=outcomes.value, size_bytes=size_bytes)
    return Evaluated(value=None, reason="the metric gave NaN or infinity", size_bytes=size_bytes)
