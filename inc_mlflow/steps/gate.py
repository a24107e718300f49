"""gate: from the records of all pools to the table and the verdict."""

from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.measure.evidence import Measured
from inc_mlflow.measure.gate import judge
from inc_mlflow.metrics.resolve import score_range
from inc_mlflow.records import JudgementRecord
from inc_mlflow.spec import Job, JobSpec, emulated_pool
from inc_mlflow.steps.evidence import measured
from inc_mlflow.steps.models import side_by_side
from inc_mlflow.steps.stage import step


@step("judgement", JudgementRecord)
def gate(job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path, records: list[Path]) -> JudgementRecord:
    """Judge every candidate by the job's gate; ``records`` are the evaluations and benchmarks of all of its pools.

    ``target`` gets the record alone. Raises DataError where a pool of the job is missing, or one is not the job's.
    """
    return judge(side_by_side(baseline, champion, candidates), of_job(job.spec, measured(records)), job.spec.gate)


def of_job(job: JobSpec, found: dict[str, Measured]) -> dict[str, Measured]:
    """Return the pools in the job's order, all of them; DataError where one is missing, or is not the job's."""
    expected = [*job.real_pools, *map(emulated_pool, job.emulated)]
    if set(found) != set(expected):
        raise DataError(f"gate: the job asks for the pools {', '.join(expected)}; there are records of {', '.join(found)}")
    between = score_range(job.metric)
    for pool, one in found.items():
        said = one.evaluation.score_range, one.evaluation.group
        if said != (between, job.data.group):
            raise DataError(
                f"gate: pool {pool!r} was evaluated with scores in {list(said[0])} and groups of {said[1]}; the job says "
                f"{list(between)} and {job.data.group}; evaluate again"
            )
    return {pool: found[pool] for pool in expected}
