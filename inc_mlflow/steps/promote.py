"""promote: point the champion's alias at the best candidate, if the gate passed it."""

from pathlib import Path

from inc_mlflow.errors import TrackingError
from inc_mlflow.records import PromotionRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.answer import answer
from inc_mlflow.steps.case import Policy, judge_again
from inc_mlflow.steps.request import request_of
from inc_mlflow.steps.stage import step
from inc_mlflow.tracking.server import Server, connected


@step("promotion", PromotionRecord, asks=lambda job: Server.of(job).address)
def promote_best(job: Job, target: Path, *, champion: Path, judgement: Path, tracking: Path) -> PromotionRecord:
    """Promote in one process, where one identity does what is asked and what is decided; by the gate's own code.

    ``target`` gets evidence and model as MLflow gives them back. Raises DataError where they are not what was measured,
    StaleError where there is another champion by now, TrackingError where the gate did not pass the candidate.
    """
    request = request_of(job, champion, judgement, tracking)
    with connected(Server.of(job)) as client:
        decision = answer(client, judge_again(client, request, Policy(), target), target / "download")
    if decision.outcome != "promoted" or decision.version is None:
        raise TrackingError(f"promote: {decision.outcome}: {'; '.join(decision.reasons)}")
    return PromotionRecord(
        registered_model=request.registered_model,
        aliases=decision.aliases,
        version=decision.version,
        sha256=request.sha256,
        protections=decision.protections,
    )
