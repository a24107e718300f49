"""freeze, unfreeze: stop promotion to a registered model, and allow it again."""

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import LedgerEntry
from inc_mlflow.tracking.registry.ledger import require_ledger
from inc_mlflow.tracking.registry.ledger_turn import ledger_turn
from inc_mlflow.tracking.server.connection import Stores, connected


def freeze(stores: Stores, name: str, reason: str) -> LedgerEntry:
    """Stop promotion; rollback stays possible."""
    with connected(stores) as client, ledger_turn(client, require_ledger(client, name).name) as turn:
        return turn.write("frozen", reasons=(reason,))


def unfreeze(stores: Stores, name: str, reason: str) -> LedgerEntry:
    """Allow promotion again; TrackingError where it is not frozen."""
    with connected(stores) as client, ledger_turn(client, require_ledger(client, name).name) as turn:
        if turn.ledger.frozen is None:
            raise TrackingError(f"registered model {name!r}: is not frozen")
        return turn.write("unfrozen", reasons=(reason,))
