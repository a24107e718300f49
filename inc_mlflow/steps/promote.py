"""promote: point the champion's alias at the best candidate, if the gate passed it."""

from pathlib import Path

from inc_mlflow.errors import TrackingError
from inc_mlflow.records import ChampionRecord, JudgementRecord, PromotionRecord, Row, TrackingRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.stage import step
from inc_mlflow.tracking.server import Server, connected
from inc_mlflow.tracking.versions import ALIAS, download, promote


@step("promotion", PromotionRecord, asks=lambda job: Server.of(job).address)
def promote_best(job: Job, target: Path, *, champion: Path, judgement: Path, tracking: Path) -> PromotionRecord:
    """Register the best row's logged model after checking its bytes; TrackingError where the gate did not pass it."""
    judged, logged = JudgementRecord.load(judgement), TrackingRecord.load(tracking)
    best, present = judged.best(), ChampionRecord.load(champion)
    if judged.verdict != "pass":
        raise TrackingError(f"promote: the verdict is {judged.verdict}, only pass is promoted")
    server, model_id = Server.of(job), logged.models[best.sha256]
    with connected(server) as client:
        download(client, model_id, best.sha256, target / "download")
        name = server.registered_model
        version, created = promote(client, name, model_id, best.sha256, _tags(best), present.version)
    return PromotionRecord(registered_model=name, alias=ALIAS, version=version, sha256=best.sha256, created=created)


def _tags(best: Row) -> dict[str, str]:
    return {"inc.recipe": best.recipe, "inc.verdict": best.verdict or ""}
