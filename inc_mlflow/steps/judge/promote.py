"""promote: point the champion's alias at the best candidate, if the gate passed it."""

from pathlib import Path

from inc_mlflow.errors import StaleError, TrackingError
from inc_mlflow.promotion.process_request import process_request
from inc_mlflow.promotion.request import submit_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.records import PromotionRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.step import step
from inc_mlflow.tracking.server.connection import Server


@step("promotion", PromotionRecord, depends_on=lambda job: Server.of(job).address)
def promote_best(
    job: Job, target: Path, *, champion: Path, judgement: Path, tracking: Path
) -> PromotionRecord:
    """Request and promote in one process, by the gate's own code; ``target`` gets only the record.

    Raises StaleError where there is another champion by now. Raises TrackingError where the candidate did not
    pass, or its evidence is not what was measured.
    """
    request = submit_request(job, champion, judgement, tracking)
    decision = process_request(Server.of(job), request.run_id, Policy())
    if decision.outcome != "promoted" or decision.version is None:
        kind = StaleError if decision.outcome == "stale" else TrackingError
        raise kind(f"promote: {decision.outcome}: {'; '.join(decision.reasons)}")
    return PromotionRecord(
        registered_model=request.registered_model,
        aliases=decision.aliases,
        version=decision.version,
        sha256=request.sha256,
        protections=decision.protections,
    )
