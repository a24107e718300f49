"""Compute the metrics once before any work: what is wrong with one would else show after calibration."""

from itertools import islice

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.errors import CallableError, ModelError
from inc_mlflow.measure.stats.outcomes import Scoring, evaluate_metrics
from inc_mlflow.measure.stats.scoring import scorings_of
from inc_mlflow.metrics.resolve import resolve_metrics
from inc_mlflow.records import BASELINE
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_rows

ROWS = 16
"""Rows of a metric that does not decompose, which may be undefined on one."""


def try_metric(job: Job) -> None:
    """Compute each metric of the source's outputs on the first validation rows.

    Raises the IncError that it would raise later: for an output that the model does not have or whose rows
    are elsewhere, labels that do not fit, a function that raises or gives another number of scores. A source
    that the engine does not run as it is tells nothing; its import does.
    """
    data, axes = open_rows(job)
    try:
        model = ENGINES.get(job.spec.engines[0]).load(job.model, RunSettings(axes=axes))
        metrics = resolve_metrics(job.spec, job.root, list(model.outputs))
        single = all(metric.decomposable for metric in metrics)
        batches = data.rows("validation", job.layout.batch)
        rows = [(inputs, labels) for inputs, labels, _ in islice(batches, 1 if single else _batches(job))]
        outputs = {id(inputs): model(inputs) for inputs, _ in rows}
    except ModelError:
        return
    scorings = scorings_of(metrics)
    kept = evaluate_metrics({BASELINE: lambda inputs: outputs[id(inputs)]}, BASELINE, rows, scorings, 1)
    for metric in metrics:
        if not metric.decomposable:
            _try_whole(scorings[metric.name], kept[metric.name][BASELINE])


def _batches(job: Job) -> int:
    return max(1, ROWS // job.layout.batch)


def _try_whole(scoring: Scoring, kept: Arrays) -> None:
    """Compute a metric of all rows; raise the error of a function, unless it may need more rows."""
    try:
        scoring.score(scoring.group(kept), scoring.group(kept))
    except CallableError as error:
        if not _undefined(error):
            raise


def _undefined(error: CallableError) -> bool:
    """Tell whether the user's code found its value undefined, as it may be where all rows have one class."""
    gave = ": gave " in str(error)
    return isinstance(error.__cause__, ValueError | ArithmeticError) and not gave
