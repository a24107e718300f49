"""Compute the metric once before any work: what is wrong with it would else show after calibration."""

from itertools import islice

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.errors import CallableError, IncError, ModelError
from inc_mlflow.measure.stats.outcomes import Scoring, evaluate_rows
from inc_mlflow.measure.stats.scoring import scoring_of
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.records import BASELINE
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import job_row_axes, open_data

ROWS = 16
"""Rows of a metric that does not decompose, which may be undefined on one."""


def try_metric(job: Job) -> None:
    """Compute the metric of the source's outputs on the first validation rows.

    Raises the IncError that it would raise later: for an output that the model does not have or whose rows
    are elsewhere, labels that do not fit, a function that raises or gives another number of scores. A source
    that the engine does not run as it is tells nothing; its import does.
    """
    axes = job_row_axes(job)
    try:
        model = ENGINES.get(job.spec.engines[0]).load(job.model, RunSettings(axes=axes))
    except ModelError:
        return
    scoring = scoring_of(resolve(job.spec.metric, job.root, list(model.outputs)))
    batches = 1 if scoring.decomposable else max(1, ROWS // job.layout.batch)
    rows = [
        (inputs, labels)
        for inputs, labels, _ in islice(open_data(job).rows("validation", job.layout.batch), batches)
    ]
    try:
        given = {id(inputs): model(inputs) for inputs, _ in rows}
    except ModelError:
        return
    kept = evaluate_rows({BASELINE: lambda inputs: given[id(inputs)]}, BASELINE, rows, scoring, 1)
    if not scoring.decomposable and job.spec.metric.function is not None:
        _try_whole(scoring, kept[BASELINE])


def _try_whole(scoring: Scoring, kept: Arrays) -> None:
    """Call a function of all rows; raise its error, unless these may be too few rows for it."""
    try:
        scoring.score(scoring.group(kept), scoring.group(kept))
    except CallableError as error:
        if not _undefined(error):
            raise


def _undefined(error: IncError) -> bool:
    """Tell whether the user's code found its value undefined, as it may be where all rows have one class."""
    gave = str(error).startswith("metric.callable: gave")
    return isinstance(error.__cause__, ValueError | ArithmeticError) and not gave
