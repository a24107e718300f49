"""request: ask the gate to promote a job's best candidate, by a request on the job's run."""

import tempfile
from pathlib import Path

from inc_mlflow.errors import TrackingError
from inc_mlflow.records import ChampionRecord, JudgementRecord, RequestRecord, TrackingRecord
from inc_mlflow.spec import Job
from inc_mlflow.tracking.requests.requests import read_request, write_request
from inc_mlflow.tracking.runs.tagged_runs import PARENT
from inc_mlflow.tracking.server.connection import Server, Stores, connected
from inc_mlflow.tracking.server.identity import current_user


def submit_request(job: Job, champion: Path, judgement: Path, tracking: Path) -> RequestRecord:
    """Write the request on the job's run, once however often it is called.

    The paths are the directories of the steps' records. Raises TrackingError where the verdict is not pass,
    or the run requests something else already.
    """
    anonymous = build_request(job, champion, judgement, tracking)
    with connected(Server.of(job)) as client:
        request = anonymous.model_copy(update={"requested_by": current_user(client)})
        write_request(client, request)
    return request


def build_request(job: Job, champion: Path, judgement: Path, tracking: Path) -> RequestRecord:
    """Return the request for a job's best candidate; TrackingError where the verdict is not pass."""
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


def find_requesting_run(stores: Stores, model_id: str) -> str:
    """Return the run that requests promotion of a logged model; TrackingError if it requests another."""
    with connected(stores) as client:
        source = client.get_run(str(client.get_logged_model(model_id).source_run_id))
        run_id = str(source.data.tags.get(PARENT, source.info.run_id))
        with tempfile.TemporaryDirectory() as folder:
            request = read_request(client, run_id, Path(folder))
    if request.models.get(request.sha256) != model_id:
        raise TrackingError(
            f"logged model {model_id}: run {run_id} requests {request.recipe}, which is better; "
            f"promote that run"
        )
    return run_id
