"""What others published of a model with a name like this one, beside what was measured here."""

from pathlib import PurePath

from inc_mlflow.formatting import times
from inc_mlflow.reports.catalog import change_text
from inc_mlflow.reports.page.candidates import score
from inc_mlflow.reports.page.grid import Cell, ExactNumber, Grid, estimate
from inc_mlflow.reports.page.reported import ReportedJob, by_metric
from inc_mlflow.reports.page.signed_change import signed, signed_change
from inc_mlflow.reports.page.speeds import throughput
from inc_mlflow.reports.published.nearest import nearest
from inc_mlflow.reports.published.row import PublishedRow, StatedChange
from inc_mlflow.reports.published.tables import HARDWARE, ORIGIN, published_rows


def expectation_grid(job: ReportedJob) -> Grid | None:
    """Return the nearest published row of quantised models and the best row here; None without such a row."""
    row = _nearest(job)
    if row is None or not job.judged.candidates:
        return None
    caption = (
        f"What can be expected: {row.model} ({row.source}, {row.method}), published on {HARDWARE}. {ORIGIN}"
    )
    headers = ("what", job.candidate_word, "FP32", "change")
    return Grid(caption, headers, (*map(_published, row.claims), *_here(job)))


def _nearest(job: ReportedJob) -> PublishedRow | None:
    """Ask by the job's name first; the model's own framework comes first among rows equally near."""
    framework = job.imported.framework_source
    source = framework.kind if framework else "onnx"
    rows = [row for row in published_rows() if row.table == "quantization"]
    rows.sort(key=lambda row: row.source != source)
    model = job.spec.model
    names = [job.spec.name, *([PurePath(model).stem] if isinstance(model, str) else [])]
    return next((near[0] for name in names if (near := nearest(name, rows))), None)


def _published(claim: StatedChange) -> tuple[Cell, ...]:
    numbers = [ExactNumber(float(one), str(one)) for one in (claim.figure, claim.reference)]
    return f"{claim.name} published", *numbers, change_text(claim)


def _here(job: ReportedJob) -> list[tuple[Cell, ...]]:
    best, metric = job.judged.best(), job.judged.metric
    own, fp32 = by_metric(best, metric), by_metric(job.baseline, metric)
    mine, reference, _ = job.speeds(best)
    values = estimate(own.accuracy, score), estimate(fp32.accuracy, score)
    return [
        (f"{metric.name} here", *values, estimate(signed_change(own.relative_drop, metric), signed)),
        ("throughput here", throughput(mine), throughput(reference), estimate(best.speedup, times)),
    ]
