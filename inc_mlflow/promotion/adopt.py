"""adopt: take over what somebody else made, so that promotion can go on from there.

A registered model gets a ledger, and the ledger records where somebody else put aliases.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inc_mlflow.errors import DataError, TrackingError
from inc_mlflow.records.ledger import LedgerEntry
from inc_mlflow.tracking.registry.aliases import (
    foreign_aliases,
    moved_aliases,
    named_like_ours,
    other_prefixes,
)
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


def adopt(stores: Stores, name: str, prefix: str) -> list[LedgerEntry]:
    """Record the aliases that the ledger does not know, or that somebody moved; return the entries.

    The registered model may be somebody else's; it gets a ledger then, an empty one where it has no alias
    named as ours are. Raises TrackingError where there is nothing to adopt, or a version has no logged ONNX
    model behind it.
    """
    with connected(stores) as client:
        aliases = _aliases_to_adopt(client, name, prefix)
        models = {
            version: _model(client, name, alias, version)
            for alias, version in aliases.items()
            if version is not None
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
        aliases = named_like_ours(aliases_of(model), prefix)
        others = other_prefixes(aliases_of(model))
        if others and not aliases:
            raise _nothing(
                name, prefix, f"; for {next(iter(others.values()))} give --prefix {next(iter(others))}"
            )
        return {**aliases}
    ledger = present_ledger(client, name)
    found = {**foreign_aliases(ledger, prefix), **moved_aliases(ledger)}
    if not found:
        raise _nothing(name, prefix)
    return found


def _nothing(name: str, prefix: str, instead: str = "") -> TrackingError:
    return TrackingError(
        f"registered model {name!r}: nothing to adopt: "
        f"nobody else set an alias {prefix}-champion or {prefix}-challenger{instead}"
    )


def _model(client: "MlflowClient", name: str, alias: str, version: str) -> _AdoptedModel:
    """Return a version's logged model and the digest of its bytes.

    Raises TrackingError where there is no ONNX model behind it: a champion that nobody could measure.
    """
    try:
        model_id = logged_model_behind(client, name, version)
        with tempfile.TemporaryDirectory() as folder:
            return _AdoptedModel(version, model_id, download_sha256(model_id, Path(folder)))
    except (TrackingError, DataError) as error:
        raise TrackingError(
            f"registered model {name!r}: alias {alias!r} cannot be adopted: {error}; "
            "or remove the alias, or choose another tracking.registered_model"
        ) from error


def _adopt(client: "MlflowClient", name: str, alias: str, model: _AdoptedModel | None) -> LedgerEntry:
    if model is not None:
        mark_version(client, name, *model)
    with ledger_turn(client, name, strict=False) as turn:
        return turn.write(
            "adopted", alias=alias, **(model._asdict() | {"recipe": f"adopted {alias}"} if model else {})
        )
