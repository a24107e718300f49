"""Whole jobs up to the judgement: their steps in this process, with a brief benchmark and without MLflow."""

from pathlib import Path
from typing import Any

import pytest

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
from inc_mlflow.steps.step import STATE
from tests.support.brief_benchmarks import brief_benchmarks

_STEPS = ("baseline", "champion", "ranges", "candidates", "evaluation", "benchmark", "judgement")


def judged(job: Job, folder: Path) -> dict[str, Any]:
    """Run the steps, each in a folder of its name, and return the result that the program would print.

    Raises what the program would tell: an IncError, or a bug.
    """
    evaluated(job, folder)
    models = _of(folder, "baseline", "champion", "candidates")
    with brief_benchmarks():
        benchmark(job, folder / "benchmark", **models)
    gate(job, folder / "judgement", **models, records=[folder / "evaluation", folder / "benchmark"])
    return job_result(folder, None)


def evaluated(job: Job, folder: Path) -> EvaluationRecord:
    """Run the steps up to the evaluation, and return its record."""
    for step in _STEPS:
        (folder / step).mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch, brief_benchmarks():
        patch.delenv(STATE, raising=False)
        check(job)
        try_metric(job)
        import_model(job, folder / "baseline")
        ChampionRecord(reachable=True).save(folder / "champion")
        calibrate(job, folder / "ranges", **_of(folder, "baseline"))
        quantize(job, folder / "candidates", **_of(folder, "baseline", "ranges"))
        return evaluate(job, folder / "evaluation", **_of(folder, "baseline", "champion", "candidates"))


def _of(folder: Path, *steps: str) -> dict[str, Path]:
    return {step: folder / step for step in steps}
