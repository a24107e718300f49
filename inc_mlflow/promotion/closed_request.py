"""The decision that closed a request, as far as the ledger confirms it: a pipeline may write to its run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError
from inc_mlflow.promotion.promote import why_blocked
from inc_mlflow.records import Decision
from inc_mlflow.records.ledger import LedgerEntry
from inc_mlflow.tracking.registry.aliases import champion_alias
from inc_mlflow.tracking.registry.ledger import read_ledger
from inc_mlflow.tracking.requests.requests import read_decision, read_request

if TYPE_CHECKING:
    from mlflow import MlflowClient


def closed_decision(client: "MlflowClient", run_id: str, folder: Path) -> Decision | None:
    """Return the decision that closed a request, with the aliases that the ledger says it moved.

    None where nothing closed it, or where it says ``promoted`` and the ledger never did, or not since a
    rollback: then the request is judged again. ``rejected`` where its model was rolled back and is blocked.
    """
    closed = read_decision(client, run_id, folder)
    if closed is None:
        return None
    if closed.outcome != "promoted":
        return _with_moves(closed, _pool_promotions(client, run_id, folder))
    request = read_request(client, run_id, folder)
    ledger = read_ledger(client, request.registered_model)
    if ledger is None:
        return None
    if (why := why_blocked(ledger, request.recipe, request.sha256)) is not None:
        return _with_moves(closed.model_copy(update={"outcome": "rejected", "reasons": (why,)}), [])
    promotion = ledger.last_promotion(champion_alias(request.alias_prefix), request.sha256)
    if promotion is None:
        return None
    moves = [promotion, *ledger.entries_about("promoted", request.identity())]
    return _with_moves(closed, moves, promotion.version)


def _pool_promotions(client: "MlflowClient", run_id: str, folder: Path) -> list[LedgerEntry]:
    """Return the moves of pools' aliases by a request not promoted overall; none if it was altered."""
    try:
        request = read_request(client, run_id, folder)
    except DataError:
        return []
    ledger = read_ledger(client, request.registered_model)
    return ledger.entries_about("promoted", request.identity()) if ledger else []


def _with_moves(closed: Decision, moves: Sequence[LedgerEntry], version: str | None = None) -> Decision:
    aliases = {str(entry.alias): str(entry.version) for entry in moves}
    protections = moves[0].protections if moves else ()
    return closed.model_copy(update={"aliases": aliases, "version": version, "protections": protections})
