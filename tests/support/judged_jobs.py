"""Whole jobs up to the judgement: the steps run in this process and without MLflow."""

from pathlib import Path
from typing import Any

from inc_mlflow.records import ChampionRecord, EvaluationRecord
from inc_mlflow.reports.result import job_result
from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.judge.gate import gate
from inc_mlflow.steps.measure.benchmark import benchmark
from inc_mlflow.steps.measure.evaluate import evaluate
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.prepare.try_metric import try_metric

STEPS = ("baseline", "champion", "ranges", "candidates", "evaluation", "benchmark", "judgement")


def judged(job: Job, state: Path) -> dict[str, Any]:
    """Run the steps of a job, each in its folder of ``state``, and return the job's result."""
    evaluated(job, state)
    models = _of(state, "baseline", "champion", "candidates")
    benchmark(job, state / "benchmark", **models)
    gate(job, state / "judgement", **models, records=[state / "evaluation", state / "benchmark"])
    return job_result(state, None)


def evaluated(job: Job, state: Path) -> EvaluationRecord:
    """Run the steps of a job up to the evaluation, and return its record."""
    for step in STEPS:
        (state / step).mkdir(parents=True)
    check(job)
    try_metric(job)
    import_model(job, state / "baseline")
    ChampionRecord(reachable=True).save(state / "champion")
    calibrate(job, state / "ranges", **_of(state, "baseline"))
    quantize(job, state / "candidates", **_of(state, "baseline", "ranges"))
    return evaluate(job, state / "evaluation", **_of(state, "baseline", "champion", "candidates"))


def _of(state: Path, *steps: str) -> dict[str, Path]:
    return {step: state / step for step in steps}
