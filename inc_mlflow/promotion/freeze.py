"""What a person writes into a ledger: freeze, unfreeze, unblock."""

from typing import TYPE_CHECKING

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.registry.ledger import Ledger, read_ledger
from inc_mlflow.tracking.registry.ledger_turn import held
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient


def history(stores: Stores, name: str) -> Ledger:
    """Return the ledger.

    TrackingError where there is no such registered model, LedgerError where it is not whole.
    """
    with connected(stores, made=True) as client:
        return existing(client, name)


def existing(client: "MlflowClient", name: str) -> Ledger:
    """Return the ledger of a registered model that there has to be."""
    ledger = read_ledger(client, name)
    if ledger is None:
        raise TrackingError(
            f"registered model {name!r}: is not on the server; nothing was promoted to it yet"
        )
    return ledger


def freeze(stores: Stores, name: str, reason: str) -> Entry:
    """Stop promotion; rollback stays possible."""
    with connected(stores) as client, held(client, existing(client, name).name) as turn:
        return turn.write("frozen", reasons=(reason,))


def unfreeze(stores: Stores, name: str, reason: str) -> Entry:
    """Let promotion go on; TrackingError where it is not stopped."""
    with connected(stores) as client, held(client, existing(client, name).name) as turn:
        if turn.ledger.frozen is None:
            raise TrackingError(f"registered model {name!r}: is not frozen")
        return turn.write("unfrozen", reasons=(reason,))


def unblock(stores: Stores, name: str, sha256: str, reason: str) -> Entry:
    """Allow a model again that was rolled back; the beginning of its sha256 will do.

    TrackingError where it is not blocked.
    """
    with connected(stores) as client, held(client, existing(client, name).name) as turn:
        matching = [blocked for blocked in turn.ledger.blocked if blocked.startswith(sha256)]
        if len(matching) != 1 or not sha256:
            listed = ", ".join(one[:12] for one in turn.ledger.blocked) or "none"
            raise TrackingError(
                f"registered model {name!r}: {sha256!r} is not one blocked model; blocked are {listed}"
            )
        return turn.write("unblocked", sha256=matching[0], reasons=(reason,))
