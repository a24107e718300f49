"""KFP shell over ``inc_mlflow.steps.measure.benchmark``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def benchmark(
    job: str,
    root: str,
    pool: str,
    baseline: dsl.Input[dsl.Model],
    champion: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    speed: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    summary: dsl.Output[dsl.Markdown],
) -> None:
    """Measure the speed of source, baseline, champion and candidates, interleaved in the job's layout."""
    from pathlib import Path

    from inc_mlflow.reports.preview import preview
    from inc_mlflow.steps.measure.benchmark import benchmark
    from inc_mlflow.steps.step import load_job

    models = {
        "baseline": Path(baseline.path),
        "champion": Path(champion.path),
        "candidates": Path(candidates.path),
    }
    record = benchmark(load_job(job, root, pool), Path(speed.path), **models)
    preview(record, about=speed, metrics=metrics, markdown=summary)
