"""KFP shell over ``inc_mlflow.steps.gate``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def gate(
    job: str,
    root: str,
    baseline: dsl.Input[dsl.Model],
    champion: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    speed: dsl.Input[dsl.Artifact],
    judgement: dsl.Output[dsl.Artifact],
) -> str:
    """Judge every candidate; the verdict of the best is pass, fail or inconclusive."""
    from pathlib import Path

    from inc_mlflow.steps.gate import gate
    from inc_mlflow.steps.stage import located

    models = {"baseline": baseline, "champion": champion, "candidates": candidates}
    inputs = {name: Path(artifact.path) for name, artifact in (models | {"evaluation": evaluation, "benchmark": speed}).items()}
    return gate(located(job, root), Path(judgement.path), **inputs).verdict
