"""promote: point the champion's alias at the best candidate, if the gate passed it."""

from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.records import PromotionRecord, RequestRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.request import request_of
from inc_mlflow.steps.stage import step
from inc_mlflow.tracking.server import Server, connected
from inc_mlflow.tracking.versions import ALIAS, download, promote

if TYPE_CHECKING:
    from mlflow import MlflowClient


@step("promotion", PromotionRecord, asks=lambda job: Server.of(job).address)
def promote_best(job: Job, target: Path, *, champion: Path, judgement: Path, tracking: Path) -> PromotionRecord:
    """Request and promote in one process, where one identity does both; TrackingError where the gate did not pass it."""
    request = request_of(job, champion, judgement, tracking)
    with connected(Server.of(job)) as client:
        return promote_requested(client, request, target / "download")


def promote_requested(client: "MlflowClient", request: RequestRecord, folder: Path) -> PromotionRecord:
    """Check the bytes of the candidate's logged model, register it and point the alias at it, once however often asked.

    ``folder`` gets the file. Raises DataError where it was altered, StaleError where there is another champion by now.
    """
    name, sha256 = request.registered_model, request.sha256
    model_id = request.models[sha256]
    download(client, model_id, sha256, folder)
    tags = {
        "inc.recipe": request.recipe,
        "inc.verdict": "pass",
        "inc.run_id": request.run_id,
        "inc.policy_sha256": request.policy_sha256,
    }
    version, created = promote(client, name, model_id, sha256, tags, request.measured_against)
    return PromotionRecord(registered_model=name, alias=ALIAS, version=version, sha256=sha256, created=created)
