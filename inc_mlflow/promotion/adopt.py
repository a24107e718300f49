"""adopt: record in the ledger where somebody else put aliases, so that promotion can go on from there."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.registry.aliases import foreign_aliases, moved_aliases, named_like_ours
from inc_mlflow.tracking.registry.create_ledger import create_ledger
from inc_mlflow.tracking.registry.ledger import LEDGER, aliases_of, find_model, present_ledger
from inc_mlflow.tracking.registry.ledger_turn import ledger_turn
from inc_mlflow.tracking.registry.versions import download_sha256, logged_model_behind, mark_version
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient


class _AdoptedModel(NamedTuple):
    version: str
    model_id: str
    sha256: str


def adopt(stores: Stores, name: str, prefix: str) -> list[Entry]:
    """Record the aliases that the ledger does not know, or that somebody moved; return the entries.

    The registered model may be somebody else's; it gets a ledger then. Raises TrackingError where there is
    nothing to adopt, or a version has no logged ONNX model behind it.
    """
    with connected(stores) as client:
        aliases = _aliases_to_adopt(client, name, prefix)
        if not aliases:
            raise TrackingError(
                f"registered model {name!r}: nothing to adopt: "
                f"nobody else set an alias {prefix}-champion or {prefix}-challenger"
            )
        models = {
            version: _model(client, name, version) for version in aliases.values() if version is not None
        }
        create_ledger(client, name, adopt=True)  # after every refusal: from here on the model is ours
        return [
            _adopt(client, name, alias, models[version] if version else None)
            for alias, version in aliases.items()
        ]


def _aliases_to_adopt(client: "MlflowClient", name: str, prefix: str) -> dict[str, str | None]:
    model = find_model(client, name)
    if model is None:
        raise TrackingError(f"registered model {name!r}: is not on the server; there is nothing to adopt")
    if LEDGER not in model.tags:
        return {**named_like_ours(aliases_of(model), prefix)}
    ledger = present_ledger(client, name)
    return {**foreign_aliases(ledger, prefix), **moved_aliases(ledger)}


def _model(client: "MlflowClient", name: str, version: str) -> _AdoptedModel:
    """Return a version's logged model and the digest of its bytes.

    Raises TrackingError where there is no ONNX model behind it.
    """
    model_id = logged_model_behind(client, name, version)
    with tempfile.TemporaryDirectory() as folder:
        return _AdoptedModel(version, model_id, download_sha256(model_id, Path(folder)))


def _adopt(client: "MlflowClient", name: str, alias: str, model: _AdoptedModel | None) -> Entry:
    if model is not None:
        mark_version(client, name, *model)
    with ledger_turn(client, name, strict=False) as turn:
        return turn.write(
            "adopted", alias=alias, **(model._asdict() | {"recipe": f"adopted {alias}"} if model else {})
        )
