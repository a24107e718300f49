"""challenge, withdraw: give the challenger's alias to one that waits for approval, or take it back."""

from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.promotion.promote import (
    PromotionTarget,
    check_allowed,
    check_before_turn,
    check_better,
    check_candidate,
    check_marked,
    register_candidate,
    write_entry,
)
from inc_mlflow.records import RequestRecord
from inc_mlflow.tracking.registry.aliases import challenger_alias, check_absent
from inc_mlflow.tracking.registry.create_ledger import create_ledger
from inc_mlflow.tracking.registry.ledger import Ledger, read_ledger
from inc_mlflow.tracking.registry.ledger_turn import ledger_turn
from inc_mlflow.tracking.requests.approvals import ensure_approvals

if TYPE_CHECKING:
    from mlflow import MlflowClient


def challenge(client: "MlflowClient", target: PromotionTarget, folder: Path) -> str:
    """Register the candidate under the challenger's alias; return its version.

    It happens once for each request; of several that wait, the last one has the alias. Raises what
    ``promote_alias`` raises.
    """
    check_candidate(client, target, folder)
    ledger = check_before_turn(client, target)
    identity = target.review.request.identity()
    if ledger is not None and (challenged := ledger.entries_about("challenged", identity)):
        return str(challenged[-1].version)
    create_ledger(client, target.name)
    return _challenge_in_turn(client, target, challenger_alias(target.review.request.alias_prefix), folder)


def withdraw(client: "MlflowClient", request: RequestRecord) -> None:
    """Take the challenger's alias away from the candidate of a request that no longer waits."""
    alias = challenger_alias(request.alias_prefix)
    if not _has_alias(read_ledger(client, request.registered_model), alias, request):
        return
    with ledger_turn(client, request.registered_model) as turn:
        if _has_alias(turn.ledger, alias, request):
            turn.write("withdrawn", alias=alias, sha256=request.sha256, run_id=request.run_id)


def _challenge_in_turn(client: "MlflowClient", target: PromotionTarget, alias: str, folder: Path) -> str:
    has_bytes = check_marked(client, target, folder)
    with ledger_turn(client, target.name) as turn:
        check_allowed(turn.ledger, target)
        check_better(turn.ledger.entry_of_alias(target.alias), target)
        check_absent(client, turn.ledger, alias)
        if version := register_candidate(turn, target, has_bytes):
            ensure_approvals(client, target.name)  # in a turn, so that two gates do not create one each
            write_entry(turn, "challenged", target, version, alias=alias)
            return version.version
    return _challenge_in_turn(client, target, alias, folder)


def _has_alias(ledger: Ledger | None, alias: str, request: RequestRecord) -> bool:
    """Tell whether the candidate of this request has the alias."""
    present = ledger.entry_of_alias(alias) if ledger else None
    return present is not None and present.request == request.identity()
