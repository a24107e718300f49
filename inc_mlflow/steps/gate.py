"""gate: from the records of all pools to the table and the verdict."""

from pathlib import Path

from inc_mlflow.measure.gate import Measured, judge
from inc_mlflow.records import BenchmarkRecord, EvaluationRecord, JudgementRecord
from inc_mlflow.spec import Job, emulated_pool
from inc_mlflow.steps.evaluate import load_emulated, load_outcomes
from inc_mlflow.steps.models import side_by_side
from inc_mlflow.steps.stage import step


@step("judgement", JudgementRecord)
def gate(
    job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path, evaluation: Path, benchmark: Path
) -> JudgementRecord:
    """Judge every candidate by the job's gate; ``target`` gets the record alone."""
    return judge(side_by_side(baseline, champion, candidates), _measured(job, evaluation, benchmark), job.spec.gate)


def _measured(job: Job, evaluation: Path, benchmark: Path) -> dict[str, Measured]:
    """Read what every pool of the job found out; an emulated one has no speed."""
    record = EvaluationRecord.load(evaluation)
    pools = {job.spec.pool: Measured(record, load_outcomes(evaluation, record), BenchmarkRecord.load(benchmark))}
    for isa in job.spec.emulated:
        emulated = load_emulated(evaluation, record, isa)
        pools[emulated_pool(isa)] = Measured(emulated, load_outcomes(evaluation / isa, emulated), None)
    return pools
