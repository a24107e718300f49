"""The best model of each job, in the layout of published tables of validated models."""

from inc_mlflow.formatting import times
from inc_mlflow.reports.page.candidates import score
from inc_mlflow.reports.page.grid import Cell, Grid, Judged, estimate
from inc_mlflow.reports.page.reported import ReportedJob, by_metric
from inc_mlflow.reports.page.signed_change import signed, signed_change
from inc_mlflow.reports.page.speeds import throughput


def summary_grid(jobs: list[ReportedJob]) -> Grid:
    """Return a row for each job, in their order."""
    words = {job.candidate_word for job in jobs}
    word = words.pop() if len(words) == 1 else "candidate"
    groups = (("", 3), ("accuracy", 3), ("throughput, samples/s", 3), ("", 2))
    headers = ("model", "recipe", "metric", word, "FP32", "change", word, "FP32", "ratio")
    caption = f"The best model of each job; change is ({word} - FP32) / FP32"
    return Grid(caption, (*headers, "verdict", "pool, layout"), tuple(map(_row, jobs)), groups)


def _row(job: ReportedJob) -> tuple[Cell, ...]:
    name, metric, verdict = job.spec.name, job.judged.metric, Judged(job.judged.verdict)
    fp32 = by_metric(job.baseline, metric).accuracy
    if not job.judged.candidates:
        return name, "keep FP32", metric.name, None, estimate(fp32, score), *[None] * 4, verdict, None
    best = job.judged.best()
    own = by_metric(best, metric)
    mine, reference, benchmark = job.speeds(best)
    return (
        name,
        best.recipe,
        metric.name,
        estimate(own.accuracy, score),
        estimate(fp32, score),
        estimate(signed_change(own.relative_drop, metric), signed),
        throughput(mine),
        throughput(reference),
        estimate(best.speedup, times),
        verdict,
        (benchmark.evidence.pool, benchmark.layout) if benchmark else None,
    )
