"""rollback: give an alias back to the champion before, and block the one that is taken back."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.hold import held
from inc_mlflow.tracking.ledger import Ledger
from inc_mlflow.tracking.server import Stores, connected
from inc_mlflow.tracking.versions import check_version, download

if TYPE_CHECKING:
    from mlflow import MlflowClient


def rollback(stores: Stores, name: str, alias: str, reason: str) -> tuple[Entry, list[str]]:
    """Return the entry that says what the alias names now, nothing where there was no champion before, and other aliases.

    Those name the same model, and stay as they are. Raises TrackingError where the alias names nothing, DataError where the
    bytes of the one before were altered.
    """
    with connected(stores) as client, held(client, name) as turn:
        present = turn.ledger.place(alias)
        if present is None:
            raise TrackingError(f"registered model {name!r}: {alias!r} names no version of its ledger; nothing to roll back")
        before = _before(client, turn.ledger, alias, present)
        if before is not None:
            _check_bytes(before)
        others = [one for one in turn.ledger.aliases if one != alias and _names(turn.ledger, one, present)]
        written = turn.write(
            "rolled_back",
            alias=alias,
            version=before.version if before else None,
            sha256=present.sha256,
            recipe=present.recipe,
            reasons=(reason,),
        )
        return written, others


def _before(client: "MlflowClient", ledger: Ledger, alias: str, present: Entry) -> Entry | None:
    """Return the last champion that is neither this one nor blocked, and whose version is still there as it was."""
    versions = [entry.version for entry in ledger.entries if entry.alias == alias and entry.version is not None]
    earlier = [made for version in reversed(versions) if (made := ledger.made(version)).sha256 != present.sha256]
    allowed = (made for made in earlier if made.sha256 not in ledger.blocked)
    return next((made for made in allowed if not check_version(client, ledger.name, str(made.version), made)), None)


def _names(ledger: Ledger, alias: str, present: Entry) -> bool:
    place = ledger.place(alias)
    return place is not None and place.sha256 == present.sha256


def _check_bytes(made: Entry) -> None:
    with tempfile.TemporaryDirectory() as folder:
        download(str(made.model_id), str(made.sha256), Path(folder))
