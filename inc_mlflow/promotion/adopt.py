"""adopt: record in the ledger what somebody else did to aliases, so that promotion can go on from there."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.registry.aliases import foreign, like_ours, moved
from inc_mlflow.tracking.registry.claims import present_ledger
from inc_mlflow.tracking.registry.create_ledger import found
from inc_mlflow.tracking.registry.ledger import LEDGER, aliases_of, find_model
from inc_mlflow.tracking.registry.ledger_turn import held
from inc_mlflow.tracking.registry.versions import content, mark, source_of
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient


class _Found(NamedTuple):
    version: str
    model_id: str
    sha256: str


def adopt(stores: Stores, name: str, prefix: str) -> list[Entry]:
    """Take over aliases that the ledger does not know, or that stand elsewhere by now.

    Also of a model made by others.

    Raises TrackingError where there is nothing to adopt, or a version has no logged ONNX model behind it.
    """
    with connected(stores) as client:
        strange = _strange(client, name, prefix)
        if not strange:
            raise TrackingError(
                f"registered model {name!r}: no alias {prefix}-champion or {prefix}-challenger is anybody else's"
            )
        models = {
            version: _model(client, name, version) for version in strange.values() if version is not None
        }
        found(client, name, adopt=True)  # from here on it is ours: what can be refused was refused
        return [
            _adopt(client, name, alias, models[version] if version else None)
            for alias, version in strange.items()
        ]


def _strange(client: "MlflowClient", name: str, prefix: str) -> dict[str, str | None]:
    model = find_model(client, name)
    if model is None:
        raise TrackingError(f"registered model {name!r}: is not on the server; there is nothing to adopt")
    if LEDGER not in model.tags:
        return {**like_ours(aliases_of(model), prefix)}
    ledger = present_ledger(client, name)
    return {**foreign(ledger, prefix), **moved(ledger)}


def _model(client: "MlflowClient", name: str, version: str) -> _Found:
    """Return a version's logged model and the digest of its bytes.

    TrackingError where there is no ONNX model behind it.
    """
    model_id = source_of(client, name, version)
    with tempfile.TemporaryDirectory() as folder:
        return _Found(version, model_id, content(model_id, Path(folder)))


def _adopt(client: "MlflowClient", name: str, alias: str, model: _Found | None) -> Entry:
    if model is not None:
        mark(client, name, *model)
    with held(client, name, strict=False) as turn:
        return turn.write(
            "adopted", alias=alias, **(model._asdict() | {"recipe": f"adopted {alias}"} if model else {})
        )
