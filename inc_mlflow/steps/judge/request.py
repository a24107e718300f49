"""request: request the promotion of the best candidate, which the gate decides under its own identity."""

from pathlib import Path

from inc_mlflow.promotion.request import submit_request
from inc_mlflow.records import RequestRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.step import step
from inc_mlflow.tracking.server.connection import Server


@step("request", RequestRecord, depends_on=lambda job: Server.of(job).address)
def request_promotion(
    job: Job, target: Path, *, champion: Path, judgement: Path, tracking: Path
) -> RequestRecord:
    """Write a request on the job's run; the registry does not change, and ``target`` gets only the record.

    Raises TrackingError where the verdict is not pass, or the run already has another request.
    """
    return submit_request(job, champion, judgement, tracking)
