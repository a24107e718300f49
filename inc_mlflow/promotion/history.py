"""history: all that happened to the aliases of a registered model."""

from inc_mlflow.tracking.registry.ledger import Ledger, require_ledger
from inc_mlflow.tracking.server.connection import Stores, connected


def read_history(stores: Stores, name: str) -> Ledger:
    """Return the ledger of a registered model.

    Raises TrackingError where there is no such registered model, LedgerError where the ledger is not whole.
    """
    with connected(stores, must_exist=True) as client:
        return require_ledger(client, name)
