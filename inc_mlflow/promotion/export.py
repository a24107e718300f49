"""export: the version that an alias names, checked against the ledger, in the format of what serves it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import DataError, SpecError, TrackingError
from inc_mlflow.files import listed
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.gate.measurements import find_pools
from inc_mlflow.records.ledger import LedgerEntry
from inc_mlflow.registry.engines import ENGINES, served_as
from inc_mlflow.serving.served_model import MeasuredServing, ServedModel
from inc_mlflow.serving.write import check_target, formats, write_served
from inc_mlflow.spec.layout import Layout
from inc_mlflow.tracking.registry.champions import Champion, download_champion, find_champion
from inc_mlflow.tracking.registry.ledger import require_ledger
from inc_mlflow.tracking.requests.requests import read_request
from inc_mlflow.tracking.runs.artifacts import fetch_evidence
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient


def export_model(
    stores: Stores, name: str, alias: str, kind: str, target: Path, storage_uri: str | None = None
) -> dict[str, Any]:
    """Write the version that ``alias`` names into ``target``, and return what it is.

    Raises TrackingError where the alias names nothing, DataError where model or evidence were altered since
    the promotion, SpecError where models of its engine cannot be written as ``kind``.
    """
    check_target(target)
    with TemporaryDirectory() as folder, connected(stores, must_exist=True) as client:
        champion = find_champion(client, name, alias)
        entry = require_ledger(client, name).entry_of_alias(alias) if champion else None
        if champion is None or entry is None:
            raise TrackingError(f"{name}@{alias}: names no version; promote one, or give another alias")
        engine, path = download_champion(client, champion, Path(folder) / "model")
        written_as = served_as(engine)
        allowed = formats(written_as) if written_as else ()
        if written_as is None or kind not in allowed:
            raise SpecError(
                f"--format {kind}: is not for models of {engine}; "
                + (f"give one of {listed(allowed)}" if allowed else "no format is: load them by MLflow")
            )
        served = _served(client, name, alias, champion, entry, engine, path, Path(folder) / "evidence")
        files = write_served(served, written_as, kind, target, storage_uri)
    about = {"registered_model": name, "version": champion.version, "alias": alias, "recipe": champion.recipe}
    return about | {"engine": engine, "sha256": champion.sha256, "folder": str(target), "files": files}


def _served(
    client: "MlflowClient",
    name: str,
    alias: str,
    champion: Champion,
    entry: LedgerEntry,
    engine: str,
    path: Path,
    folder: Path,
) -> ServedModel:
    return ServedModel(
        registered_model=name,
        version=champion.version,
        alias=alias,
        recipe=champion.recipe,
        sha256=champion.sha256,
        engine=engine,
        path=path,
        interface=ENGINES.get(engine).interface(path),
        reasons=entry.reasons,
        measured=_measured(client, entry, folder),
    )


def _measured(client: "MlflowClient", entry: LedgerEntry, folder: Path) -> tuple[MeasuredServing, ...]:
    """Return how each pool ran the model, by the evidence whose digest the ledger holds."""
    if entry.run_id is None or entry.request is None:
        return ()
    folder.mkdir()
    request = read_request(client, entry.run_id, folder)
    if request.identity() != entry.request:
        raise DataError(f"run {entry.run_id}: its request is not the one of the ledger; it was altered")
    evidence = fetch_evidence(client, entry.run_id, request.evidence, folder)
    pools = find_pools([evidence])
    found = (_on_pool(pool, measured, entry.sha256) for pool, measured in pools.items())
    return tuple(one for one in found if one is not None)


def _on_pool(pool: str, measured: Measured, sha256: str | None) -> MeasuredServing | None:
    """Return how a pool ran the model; None where it measured no speed, or not this model's."""
    benchmark = measured.benchmark
    if benchmark is None or sha256 not in measured.evaluation.evidence.models.values():
        return None
    host = benchmark.evidence.host
    return MeasuredServing(pool, host.cpu, Layout.parse(benchmark.layout), host.runtime)
