"""gate: from the records of all pools to the table and the verdict."""

from pathlib import Path

from inc_mlflow.measure.evidence import Measured
from inc_mlflow.measure.gate import judge
from inc_mlflow.records import EvaluationRecord, JudgementRecord
from inc_mlflow.spec import Job, emulated_pool
from inc_mlflow.steps.benchmark import load_benchmark
from inc_mlflow.steps.evaluate import load_emulated, load_measured
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
    pools = {job.spec.pool: load_measured(evaluation, record, load_benchmark(benchmark))}
    for isa in job.spec.emulated:
        pools[emulated_pool(isa)] = load_measured(evaluation / isa, load_emulated(evaluation, record, isa), None)
    return pools
