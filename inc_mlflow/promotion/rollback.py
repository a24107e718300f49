"""rollback, unblock: give an alias back to the champion before, and allow the blocked model again."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, TrackingError
from inc_mlflow.records.ledger import LedgerEntry
from inc_mlflow.tracking.registry.ledger import Ledger, require_ledger
from inc_mlflow.tracking.registry.ledger_turn import ledger_turn
from inc_mlflow.tracking.registry.versions import check_version, download_model
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient


def rollback(stores: Stores, name: str, alias: str, reason: str) -> tuple[LedgerEntry, list[str]]:
    """Return the entry (version None if no earlier champion is intact) and the model's other aliases.

    The other aliases stay as they are. Raises TrackingError where the alias names nothing.
    """
    with connected(stores) as client:
        return _rollback(client, name, alias, reason)


def unblock(stores: Stores, name: str, sha256: str, reason: str) -> LedgerEntry:
    """Allow a model again that was rolled back; the beginning of its sha256 will do.

    Raises TrackingError where that is not the beginning of exactly one blocked model's.
    """
    with connected(stores) as client, ledger_turn(client, require_ledger(client, name).name) as turn:
        matching = [blocked for blocked in turn.ledger.blocked if blocked.startswith(sha256)]
        if len(matching) != 1 or not sha256:
            listed = ", ".join(blocked[:12] for blocked in turn.ledger.blocked) or "none"
            raise TrackingError(
                f"registered model {name!r}: {sha256!r} is not one blocked model; blocked are {listed}"
            )
        return turn.write("unblocked", sha256=matching[0], reasons=(reason,))


def _rollback(client: "MlflowClient", name: str, alias: str, reason: str) -> tuple[LedgerEntry, list[str]]:
    ledger = require_ledger(client, name)
    present = ledger.entry_of_alias(alias)
    if present is None:
        raise TrackingError(
            f"registered model {name!r}: {alias!r} names no version of its ledger; nothing to roll back"
        )
    before = next(
        (entry for entry in ledger.earlier(alias) if _is_intact(client, name, entry)), None
    )  # downloads: not in a turn
    others = [one for one in ledger.aliases if one != alias and _names(ledger, one, present)]
    with ledger_turn(client, name) as turn:
        if turn.ledger.head == ledger.head:
            about = {"alias": alias, "sha256": present.sha256, "recipe": present.recipe, "reasons": (reason,)}
            return turn.write("rolled_back", version=before.version if before else None, **about), others
    return _rollback(client, name, alias, reason)


def _is_intact(client: "MlflowClient", name: str, entry: LedgerEntry) -> bool:
    """Tell whether the version and the file of an earlier champion are as they were."""
    if check_version(client, name, str(entry.version), entry):
        return False
    with tempfile.TemporaryDirectory() as folder:
        try:
            download_model(str(entry.model_id), str(entry.sha256), Path(folder))
        except DataError:
            return False
    return True


def _names(ledger: Ledger, alias: str, present: LedgerEntry) -> bool:
    """Tell whether an alias names the model of an entry."""
    entry = ledger.entry_of_alias(alias)
    return entry is not None and entry.sha256 == present.sha256
