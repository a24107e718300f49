"""rollback: give an alias back to the champion before, and block the one that is taken back."""

import tempfile
from pathlib import Path

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.hold import held
from inc_mlflow.tracking.ledger import Ledger
from inc_mlflow.tracking.server import Stores, connected
from inc_mlflow.tracking.versions import download


def rollback(stores: Stores, name: str, alias: str, reason: str) -> Entry:
    """Return the entry that says what the alias names now, nothing where there was no champion before.

    Raises TrackingError where the alias names nothing, DataError where the bytes of the one before were altered.
    """
    with connected(stores) as client, held(client, name) as turn:
        present = turn.ledger.place(alias)
        if present is None:
            raise TrackingError(f"registered model {name!r}: {alias!r} names no version of its ledger; nothing to roll back")
        before = _before(turn.ledger, alias, present)
        if before is not None:
            _check_bytes(before)
        return turn.write(
            "rolled_back",
            alias=alias,
            version=before.version if before else None,
            sha256=present.sha256,
            recipe=present.recipe,
            reasons=(reason,),
        )


def _before(ledger: Ledger, alias: str, present: Entry) -> Entry | None:
    """Return the last champion that is neither this one nor blocked."""
    versions = [entry.version for entry in ledger.entries if entry.alias == alias and entry.version is not None]
    earlier = [made for version in reversed(versions) if (made := ledger.made(version)).sha256 != present.sha256]
    return next((made for made in earlier if made.sha256 not in ledger.blocked), None)


def _check_bytes(made: Entry) -> None:
    with tempfile.TemporaryDirectory() as folder:
        download(str(made.model_id), str(made.sha256), Path(folder))
