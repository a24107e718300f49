"""Say before the work that a metric cannot tell models apart, by the first outputs of the baseline."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.measure.gate.constant_answer import untold, within_limits
from inc_mlflow.measure.stats.constant_answer import constant_answer, first_answers, plain_outcomes
from inc_mlflow.measure.stats.outcomes import OPTIONAL, evaluate_metrics
from inc_mlflow.measure.stats.scoring import scoring_of, scorings_of
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import resolve_metrics
from inc_mlflow.records import BASELINE
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import GateSpec, Job, gates_of
from inc_mlflow.steps.data import open_data

ROWS = 64
"""Validation rows that are looked at: a baseline that answers them all alike hardly answers others better."""


def untold_notes(job: Job, baseline: Path) -> Iterator[str]:
    """Yield a line where one answer for all rows is within the gate's limits on some validation rows.

    Raises the IncError of a metric that does not take the outputs.
    """
    model = ENGINES.get(job.spec.engines[0]).load(baseline, RunSettings())
    metrics = resolve_metrics(job.spec, job.root, list(model.outputs))
    scorings = scorings_of(metrics)
    rows = list(open_data(job).drawn("validation", ROWS))
    given = first_answers(model, rows)
    constants = {
        one.name: constant_answer(given, scorings[one.name], one.higher_is_better) for one in metrics
    }
    kept = evaluate_metrics({BASELINE: model}, BASELINE, rows, scorings, 1, constants)
    gates = gates_of(job.spec.all_metrics.values(), job.spec.gate)
    for metric, gate in zip(metrics, gates, strict=True):
        if gate is not None and (said := _untold(metric, kept[metric.name], gate)):
            yield f"on {len(rows)} validation rows, {said}"


def _untold(metric: Metric, kept: Mapping[str, Arrays], gate: GateSpec) -> str | None:
    scoring = scoring_of(metric)
    one, other = (plain_outcomes(kept.get(name), kept[BASELINE], scoring) for name in (BASELINE, OPTIONAL))
    if one is None or other is None:
        return None
    lost = one.value - other.value if metric.higher_is_better else other.value - one.value
    return untold(metric.name, one.value, other.value, gate) if within_limits(lost, one.value, gate) else None
