"""The plan command: what a validation split can decide, before any work."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.measure.gate.build_criteria import pair_outcomes, relative_drop_of
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.gate.measurements import load_measured
from inc_mlflow.measure.gate.power import (
    DISAGREEMENTS,
    split_power,
    split_power_at_best,
    split_power_by_spread,
    strictest,
)
from inc_mlflow.records import BASELINE
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.search.front import SHORTLIST
from inc_mlflow.spec import GateSpec, Job, MetricSpec, gates_of
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.measure.evaluate import evaluate_models
from inc_mlflow.steps.measure.models import CANDIDATE, model_at
from inc_mlflow.steps.prepare.check import independent, plan_groups
from inc_mlflow.steps.prepare.common_label import CommonLabel
from inc_mlflow.steps.prepare.import_model import imported_baseline
from inc_mlflow.steps.prepare.try_metric import try_metric


def plan_rows(rows: int, gate: GateSpec, disagreement: float | None) -> dict[str, Any]:
    """Return what a split of ``rows`` rows can decide about one candidate that is right or wrong per row."""
    return {
        "plan": split_power(rows, gate, 1, (disagreement,) if disagreement is not None else DISAGREEMENTS),
        "rows": rows,
        "candidates": 1,
    }


def plan_job(
    job: Job, gate: GateSpec | None, candidate: Path | None, disagreement: float | None
) -> dict[str, Any]:
    """Return what the job's validation split can decide, by each metric that is judged.

    The disagreement of a given candidate is measured on the tuning split. For rows in groups it is only what
    they can show at best, since tuning rows have no groups; ``groups`` is their number.
    Raises SpecError where the tuning split is missing, and the IncError of a metric that does not take the
    model's outputs.
    """
    gate = gate or job.spec.gate
    data, common = open_data(job), CommonLabel(job)
    try_metric(job)
    rows, groups = data.survey(check_labels=common).splits["validation"].rows, data.groups("validation")
    candidates = len(job.spec.listed) or SHORTLIST
    if groups is not None:
        texts = _by_metric(job, gate, lambda _, limits: plan_groups(job, limits, groups, candidates))
    elif candidate is not None:
        texts = _plan_measured(job, gate, candidate, rows, candidates)
    else:
        specs = list(job.spec.all_metrics.values())
        texts = _by_metric(
            job, gate, lambda n, limits: _ahead(specs[n], limits, rows, candidates, disagreement)
        )
    counted = {"rows": rows} | ({} if groups is None else {"groups": independent(groups)})
    return {"plan": "; ".join([*texts, *common.notes(gate)]), **counted, "candidates": candidates}


def _ahead(metric: MetricSpec, gate: GateSpec, rows: int, candidates: int, disagreement: float | None) -> str:
    """Return what can be said before any measurement; a callable is taken to be right or wrong per row."""
    named = METRICS.get(metric.name) if metric.name is not None else None
    if disagreement is None and named is not None and not named.binary:
        return split_power_at_best(rows, gate, candidates, whole=not named.decomposable)
    shares = DISAGREEMENTS if disagreement is None else (disagreement,)
    return split_power(rows, gate, candidates, shares)


def _by_metric(job: Job, gate: GateSpec, plan: Callable[[int, GateSpec], str]) -> list[str]:
    """Return the plan by each metric that is judged, of its number and its limits."""
    metrics = job.spec.all_metrics.values()
    judged = [
        (metric.called, plan(number, limits))
        for number, (metric, limits) in enumerate(zip(metrics, gates_of(metrics, gate), strict=True))
        if limits is not None
    ]
    return [text if len(judged) == 1 else f"by {name}: {text}" for name, text in judged]


def _plan_measured(job: Job, gate: GateSpec, candidate: Path, rows: int, candidates: int) -> list[str]:
    if "tuning" not in job.spec.data.splits():
        raise SpecError(
            "data.tuning: a candidate's disagreement is measured there; give the split, or --disagreement"
        )
    with imported_baseline(job) as baseline, tempfile.TemporaryDirectory() as folder:
        models = [
            model_at(BASELINE, baseline, job.spec.engines),
            model_at(CANDIDATE, candidate, job.spec.engines),
        ]
        tuned = load_measured(Path(folder), evaluate_models(job, models, "tuning", Path(folder)), None)

    def plan(number: int, limits: GateSpec) -> str:
        return _by_outcomes(candidate, tuned.by_metric[number], limits, rows, candidates)

    return _by_metric(job, gate, plan)


def _by_outcomes(candidate: Path, tuned: Measured, gate: GateSpec, rows: int, candidates: int) -> str:
    pair = pair_outcomes(CANDIDATE, tuned)
    if pair is None:
        why = tuned.evaluation.results[CANDIDATE].reason
        raise DataError(
            f"{candidate}: {tuned.evaluation.metric} is no number on tuning: {why}; check the model"
        )
    if pair.binary and pair.higher_is_better:
        _, lost, gained, count = pair.counts
        return split_power(rows, gate, candidates, ((lost + gained) / count,), pair.baseline.value)
    loss = relative_drop_of(pair, gate)(strictest(gate, candidates))
    limit = gate.relative_limit(pair.baseline.value)
    return split_power_by_spread(rows, gate, loss.high - loss.value, tuned.evaluation.rows, limit)
