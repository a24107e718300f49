"""request: ask the gate, which has an identity of its own, to promote the best candidate."""

from pathlib import Path

from inc_mlflow.errors import TrackingError
from inc_mlflow.records import ChampionRecord, JudgementRecord, RequestRecord, TrackingRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.stage import step
from inc_mlflow.tracking.requests import open_request
from inc_mlflow.tracking.server import Server, connected


@step("request", RequestRecord, asks=lambda job: Server.of(job).address)
def request_promotion(job: Job, target: Path, *, champion: Path, judgement: Path, tracking: Path) -> RequestRecord:
    """Leave a request on the job's run and the registry as it is; ``target`` gets the record alone.

    Raises TrackingError where the verdict is not pass, or the run requests something else already.
    """
    request = request_of(job, champion, judgement, tracking)
    with connected(Server.of(job)) as client:
        open_request(client, request)
    return request


def request_of(job: Job, champion: Path, judgement: Path, tracking: Path) -> RequestRecord:
    """Put together what is to be promoted and what speaks for it; TrackingError where the gate did not pass it."""
    judged, logged = JudgementRecord.load(judgement), TrackingRecord.load(tracking)
    if judged.verdict != "pass":
        raise TrackingError(f"promote: the verdict is {judged.verdict}, only pass is promoted")
    best = judged.best()
    return RequestRecord(
        registered_model=Server.of(job).registered_model,
        run_id=logged.parent_run_id,
        models=logged.models,
        recipe=best.recipe,
        sha256=best.sha256,
        measured_against=ChampionRecord.load(champion).version,
        policy_sha256=judged.policy_sha256,
        evidence=logged.evidence,
        alias_prefix=job.spec.tracking.alias_prefix,
    )
