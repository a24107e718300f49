"""request: ask the gate, which has an identity of its own, to promote the best candidate."""

from pathlib import Path

from inc_mlflow.promotion.request import submit_request
from inc_mlflow.records import RequestRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.step import step
from inc_mlflow.tracking.server.connection import Server


@step("request", RequestRecord, asks=lambda job: Server.of(job).address)
def request_promotion(
    job: Job, target: Path, *, champion: Path, judgement: Path, tracking: Path
) -> RequestRecord:
    """Leave a request on the job's run and the registry as it is; ``target`` gets the record alone.

    Raises TrackingError where the verdict is not pass, or the run requests something else already.
    """
    return submit_request(job, champion, judgement, tracking)
