"""gate: from the records of all pools to the table and the verdict."""

from pathlib import Path

from inc_mlflow.measure.gate import Measured, judge
from inc_mlflow.records import BenchmarkRecord, EvaluationRecord, JudgementRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.evaluate import load_outcomes
from inc_mlflow.steps.models import side_by_side
from inc_mlflow.steps.stage import step


@step("judgement", JudgementRecord)
def gate(
    job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path, evaluation: Path, benchmark: Path
) -> JudgementRecord:
    """Judge every candidate by the job's gate; ``target`` gets the record alone."""
    record = EvaluationRecord.load(evaluation)
    measured = Measured(record, load_outcomes(evaluation, record), BenchmarkRecord.load(benchmark))
    return judge(side_by_side(baseline, champion, candidates), {job.spec.pools[0]: measured}, job.spec.gate)
