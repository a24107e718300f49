"""KFP shell over ``inc_mlflow.steps.benchmark``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def benchmark(
    job: str,
    root: str,
    baseline: dsl.Input[dsl.Model],
    champion: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    speed: dsl.Output[dsl.Artifact],
) -> None:
    """Measure the speed of source, baseline, present champion and candidates, interleaved in the job's layout."""
    from pathlib import Path

    from inc_mlflow.steps.benchmark import benchmark
    from inc_mlflow.steps.stage import located

    models = {"baseline": baseline, "champion": champion, "candidates": candidates}
    benchmark(located(job, root), Path(speed.path), **{name: Path(model.path) for name, model in models.items()})
