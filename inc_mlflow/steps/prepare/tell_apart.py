"""Say before the work that a metric cannot tell models apart, by the first outputs of the baseline."""

from collections.abc import Iterator
from pathlib import Path

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.measure.gate.constant_answer import untold, within_limits
from inc_mlflow.measure.stats.constant_answer import constant_answer, plain_outcomes
from inc_mlflow.measure.stats.outcomes import OPTIONAL, evaluate_rows
from inc_mlflow.measure.stats.scoring import scoring_of
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.records import BASELINE
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data

ROWS = 64
"""Validation rows that are looked at: a baseline that answers them all alike hardly answers others better."""


def untold_notes(job: Job, baseline: Path) -> Iterator[str]:
    """Yield a line where one answer for all rows is within the gate's limits on some validation rows.

    Raises the IncError of a metric that does not take the outputs.
    """
    model = ENGINES.get(job.spec.engines[0]).load(baseline, RunSettings())
    metric = resolve(job.spec.metric, job.root, list(model.outputs))
    scoring = scoring_of(metric)
    rows = list(open_data(job).drawn("validation", ROWS))
    constant = constant_answer(model, rows, scoring, metric.higher_is_better)
    kept = evaluate_rows({BASELINE: model}, BASELINE, rows, scoring, 1, constant)
    one, other = (plain_outcomes(kept.get(name), kept[BASELINE], scoring) for name in (BASELINE, OPTIONAL))
    if one is None or other is None:
        return
    lost = one.value - other.value if metric.higher_is_better else other.value - one.value
    if within_limits(lost, one.value, job.spec.gate):
        yield f"on {len(rows)} validation rows, {untold(metric.name, one.value, other.value, job.spec.gate)}"
