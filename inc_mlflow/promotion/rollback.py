"""rollback: give an alias back to the champion before, and block the one that is taken back."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, TrackingError
from inc_mlflow.promotion.freeze import existing
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.registry.ledger import Ledger
from inc_mlflow.tracking.registry.ledger_turn import held
from inc_mlflow.tracking.registry.versions import check_version, download
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient


def rollback(stores: Stores, name: str, alias: str, reason: str) -> tuple[Entry, list[str]]:
    """Return the entry that says what the alias names now, nothing where no champion before is as it was, and other aliases.

    Those name the same model, and stay as they are. TrackingError where the alias names nothing.
    """
    with connected(stores) as client:
        return _rollback(client, name, alias, reason)


def _rollback(client: "MlflowClient", name: str, alias: str, reason: str) -> tuple[Entry, list[str]]:
    ledger = existing(client, name)
    present = ledger.place(alias)
    if present is None:
        raise TrackingError(
            f"registered model {name!r}: {alias!r} names no version of its ledger; nothing to roll back"
        )
    before = next(
        (made for made in ledger.earlier(alias) if _whole(client, name, made)), None
    )  # downloads: not in a turn
    others = [one for one in ledger.aliases if one != alias and _names(ledger, one, present)]
    with held(client, name) as turn:
        if turn.ledger.head == ledger.head:
            about = {"alias": alias, "sha256": present.sha256, "recipe": present.recipe, "reasons": (reason,)}
            return turn.write("rolled_back", version=before.version if before else None, **about), others
    return _rollback(client, name, alias, reason)


def _whole(client: "MlflowClient", name: str, made: Entry) -> bool:
    """Tell whether a champion's version and file are as they were."""
    if check_version(client, name, str(made.version), made):
        return False
    with tempfile.TemporaryDirectory() as folder:
        try:
            download(str(made.model_id), str(made.sha256), Path(folder))
        except DataError:
            return False
    return True


def _names(ledger: Ledger, alias: str, present: Entry) -> bool:
    place = ledger.place(alias)
    return place is not None and place.sha256 == present.sha256
