"""champion: fetch the present champion, which candidates must beat on the same rows."""

from pathlib import Path

from inc_mlflow.errors import UnreachableError
from inc_mlflow.files import copy_model
from inc_mlflow.records import ChampionRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.step import step
from inc_mlflow.tracking.registry.aliases import champion_alias
from inc_mlflow.tracking.registry.champions import download_champion, find_champion
from inc_mlflow.tracking.server.connection import Server, connected


@step("champion", ChampionRecord, depends_on=lambda job: Server.of(job).address)
def fetch_champion(job: Job, target: Path) -> ChampionRecord:
    """Write the present champion's model into ``target``, if there is one.

    An unreachable server is no error: the record says so, and promotion looks for the champion again.
    """
    server = Server.of(job)
    try:
        with connected(server) as client:
            champion = find_champion(
                client, server.registered_model, champion_alias(job.spec.tracking.alias_prefix)
            )
            if champion is None:
                return ChampionRecord(reachable=True)
            engine, model = download_champion(client, champion, target / "download")
            copy_model(model, target / model.name)
    except UnreachableError as error:
        return ChampionRecord(reachable=False, note=str(error))
    return ChampionRecord(
        reachable=True,
        version=champion.version,
        recipe=champion.recipe,
        model_sha256=champion.sha256,
        engine=engine,
    )
