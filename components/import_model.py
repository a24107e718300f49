"""KFP shell over ``inc_mlflow.steps.prepare.import_model``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def import_model(
    job: str, root: str, baseline: dsl.Output[dsl.Model], model: dsl.Input[dsl.Model] = None
) -> None:
    """Write the baseline: the source at a current opset, folded, checked against the source on real rows."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.prepare.import_model import import_model
    from inc_mlflow.steps.step import load_job

    baseline.metadata.update(facts(import_model(load_job(job, root, artifact=model), Path(baseline.path))))
