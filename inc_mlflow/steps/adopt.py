"""adopt: record in the ledger what somebody else did to aliases, so that promotion can go on from there."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.aliases import foreign, moved
from inc_mlflow.tracking.founding import found
from inc_mlflow.tracking.hold import held
from inc_mlflow.tracking.ledger import find_model, read_ledger
from inc_mlflow.tracking.server import Stores, connected
from inc_mlflow.tracking.versions import content, mark, source_of

if TYPE_CHECKING:
    from mlflow import MlflowClient


def adopt(stores: Stores, name: str, prefix: str) -> list[Entry]:
    """Take over aliases that the ledger does not know, or that stand elsewhere by now; also of a model made by others.

    Raises TrackingError where there is nothing to adopt, or a version has no logged ONNX model behind it.
    """
    with connected(stores) as client:
        if find_model(client, name) is None:
            raise TrackingError(f"registered model {name!r}: is not on the server; there is nothing to adopt")
        found(client, name, adopt=True)
        entries = [_adopt(client, name, alias, version) for alias, version in _strange(client, name, prefix).items()]
    if not entries:
        raise TrackingError(f"registered model {name!r}: no alias {prefix}-champion or {prefix}-challenger is anybody else's")
    return entries


def _strange(client: "MlflowClient", name: str, prefix: str) -> dict[str, str | None]:
    ledger = read_ledger(client, name)
    return {} if ledger is None else {**foreign(ledger, prefix), **moved(ledger)}


def _adopt(client: "MlflowClient", name: str, alias: str, version: str | None) -> Entry:
    if version is None:
        with held(client, name, strict=False) as turn:
            return turn.write("adopted", alias=alias, version=None)
    model_id = source_of(client, name, version)
    with tempfile.TemporaryDirectory() as folder:
        sha256 = content(model_id, Path(folder))
    mark(client, name, version, model_id, sha256)
    fields = {"alias": alias, "version": version, "model_id": model_id, "sha256": sha256, "recipe": f"adopted {alias}"}
    with held(client, name, strict=False) as turn:
        return turn.write("adopted", **fields)
