"""gate: from the records of all pools to the table and the verdict."""

from pathlib import Path

from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.measure.gate.measurements import load_pools, pools_of_job
from inc_mlflow.records import CandidatesRecord, JudgementRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.measure.models import models_under_test
from inc_mlflow.steps.step import step


@step("judgement", JudgementRecord)
def gate(
    job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path, records: list[Path]
) -> JudgementRecord:
    """Judge every candidate by the job's gate.

    ``records`` are the evaluations and benchmarks of all pools of the job; ``target`` gets only the record.
    Raises DataError where a pool of the job is missing, or a record is of a pool that the job does not have.
    """
    made = CandidatesRecord.load(candidates)
    return judge(
        models_under_test(baseline, champion, candidates),
        pools_of_job(job.spec, load_pools(records)),
        job.spec.gate,
        made.rejected,
        made.notes,
    )
