"""promote: point an alias at a candidate that passed, if it is better than what the alias names now."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, FrozenError, StaleError
from inc_mlflow.formatting import size
from inc_mlflow.measure.gate.order import outranks
from inc_mlflow.promotion.review import PromotionReview
from inc_mlflow.promotion.safeguards import Safeguards
from inc_mlflow.records import Row
from inc_mlflow.records.ledger import Kind, LedgerEntry, Rank
from inc_mlflow.tracking.registry.aliases import champion_alias, check_absent, check_alias, check_aliases
from inc_mlflow.tracking.registry.champions import find_champion
from inc_mlflow.tracking.registry.create_ledger import create_ledger
from inc_mlflow.tracking.registry.ledger import Ledger, read_ledger
from inc_mlflow.tracking.registry.ledger_turn import LedgerTurn, ledger_turn
from inc_mlflow.tracking.registry.versions import (
    Registered,
    check_logged,
    check_marked_models,
    download_model,
    register_version,
)
from inc_mlflow.tracking.runs.tagged_runs import ENGINE

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class PromotionTarget:
    """A candidate and the alias that it is to get."""

    review: PromotionReview
    alias: str
    row: Row
    rank: Rank
    safeguards: Safeguards

    @property
    def name(self) -> str:
        """The registered model."""
        return self.review.request.registered_model

    @property
    def model_id(self) -> str:
        """The candidate's logged model."""
        return self.review.model_id(self.row.sha256)


def overall_target(review: PromotionReview, safeguards: Safeguards | None = None) -> PromotionTarget:
    """Return the requested candidate as champion of all required pools; DataError where it does not pass."""
    rank = review.result.rank
    if rank is None:
        raise DataError(
            f"run {review.request.run_id}: its candidate does not pass; only what passes is promoted"
        )
    alias = champion_alias(review.request.alias_prefix)
    return PromotionTarget(review, alias, review.row, rank, safeguards or Safeguards())


def pool_targets(review: PromotionReview, safeguards: Safeguards) -> list[PromotionTarget]:
    """Return the best candidate of each pool that passes there, where a job has several real pools.

    Where a person approved, only the requested candidate is taken: they approved no other.
    """
    prefix, requested = review.request.alias_prefix, review.request.sha256
    allowed = [
        best for best in review.result.pools if safeguards.approved_by is None or best.sha256 == requested
    ]
    return [
        PromotionTarget(
            review, champion_alias(prefix, best.pool), review.row_of(best.sha256), best.rank, safeguards
        )
        for best in allowed
    ]


def promote_alias(client: "MlflowClient", target: PromotionTarget, folder: Path) -> str:
    """Move the alias to the candidate, once however often it is called; return the version.

    ``folder`` gets the model's file. Raises DataError where the model was altered, is blocked, or the present
    champion is better; StaleError where nothing tells which is better; ForeignError, FrozenError and
    LedgerError where nothing may move.
    """
    check_candidate(client, target, folder)
    check_before_turn(client, target)
    create_ledger(client, target.name)
    return _promote_in_turn(client, target, folder)


def _promote_in_turn(client: "MlflowClient", target: PromotionTarget, folder: Path) -> str:
    has_bytes = check_marked(client, target, folder)
    with ledger_turn(client, target.name) as turn:
        check_absent(client, turn.ledger, target.alias)
        present = turn.ledger.entry_of_alias(target.alias)
        if present is not None and present.sha256 == target.row.sha256:
            return str(present.version)
        check_allowed(turn.ledger, target)
        check_better(present, target)
        if version := register_candidate(turn, target, has_bytes):
            write_entry(turn, "promoted", target, version)
            return version.version
    return _promote_in_turn(client, target, folder)


def is_champion(client: "MlflowClient", target: PromotionTarget) -> bool:
    """Tell whether the alias names the candidate already."""
    ledger = read_ledger(client, target.name)
    present = ledger.entry_of_alias(target.alias) if ledger else None
    return present is not None and present.sha256 == target.row.sha256


def check_candidate(client: "MlflowClient", target: PromotionTarget, folder: Path) -> None:
    """Raise DataError where the logged model is not the evidence's candidate, or gives other outcomes."""
    _download(client, target.review, target.row, folder)
    policy = target.review.policy.spec
    if policy is not None and policy.recheck is not None:
        files = {
            row.recipe: _download(client, target.review, row, folder / "recheck" / row.sha256)
            for row in _compared_rows(client, target)
        }
        target.review.spot_check(target.row.recipe, files)


def check_before_turn(client: "MlflowClient", target: PromotionTarget) -> Ledger | None:
    """Return the ledger, None where there is none yet; refuse what can be refused before a turn is taken.

    Each turn leaves params, and a request that stays open is looked at again and again. Raises DataError,
    ForeignError, FrozenError and LedgerError.
    """
    check_alias(target.alias)
    ledger = read_ledger(client, target.name)
    target.review.policy.check_ledger(target.name, ledger.run_id if ledger else None)
    if ledger is not None:
        check_absent(client, ledger, target.alias)
        check_aliases(client, ledger)
        check_allowed(ledger, target)
    return ledger


def check_allowed(ledger: Ledger, target: PromotionTarget) -> None:
    """Raise FrozenError where promotion is frozen, DataError where this model was rolled back."""
    if (stop := ledger.frozen) is not None:
        why = "; ".join(stop.reasons)
        raise FrozenError(
            f"registered model {ledger.name!r}: frozen by {stop.who} since {stop.at} ({why}); "
            f"`inc-mlflow unfreeze {ledger.name}` ends that"
        )
    if (reason := why_blocked(ledger, target.row.recipe, target.row.sha256)) is not None:
        raise DataError(reason)


def why_blocked(ledger: Ledger, recipe: str, sha256: str) -> str | None:
    """Say who rolled a model back, when and why; None where it is not blocked."""
    if (block := ledger.blocked.get(sha256)) is None:
        return None
    return (
        f"{recipe}: was rolled back by {block.who} at {block.at} ({'; '.join(block.reasons)}); "
        f"`inc-mlflow unblock {ledger.name} {sha256[:12]}` allows it again"
    )


def check_better(present: LedgerEntry | None, target: PromotionTarget) -> None:
    """Raise DataError where the present champion is better, StaleError where nothing tells which is.

    The table decides where the champion is in it: the candidate is its best row. A champion promoted after
    the candidate was measured is compared by the ratios of both to one baseline, and only where rows,
    hardware and layout were the same.
    """
    if present is None or present.sha256 in {row.sha256 for row in target.review.judgement.table}:
        return
    rival = f"{target.alias} is version {present.version} ({present.recipe}) now"
    if present.standing is None or present.standing.conditions != target.rank.conditions:
        raise StaleError(
            f"registered model {target.name!r}: {rival}, not measured beside the candidate nor as it was; "
            "run the job again"
        )
    if not outranks(target.rank, present.standing):
        raise DataError(
            f"{rival} and better: {_figures(present.standing)} against {_figures(target.rank)} "
            "under the same conditions"
        )


def _figures(rank: Rank) -> str:
    high = "" if rank.speedup_high is None else f" to {rank.speedup_high:.3f}x"
    return f"{rank.speedup:.3f}x{high or ' at least'} and {size(rank.size_bytes)}"


def check_marked(client: "MlflowClient", target: PromotionTarget, folder: Path) -> dict[str, bool]:
    """Tell of each logged model that a version calls this candidate whether it has the candidate's bytes."""
    return check_marked_models(client, target.name, target.model_id, target.row.sha256, folder)


def register_candidate(
    turn: LedgerTurn, target: PromotionTarget, has_bytes: Mapping[str, bool]
) -> Registered | None:
    """Return the version to point at; None where one appeared since whose bytes were not checked."""
    request = target.review.request
    tags = {
        "inc.recipe": target.row.recipe,
        ENGINE: target.row.engine,
        "inc.verdict": target.row.verdict or "",
        "inc.run_id": request.run_id,
        "inc.policy_sha256": target.review.judgement.policy_sha256,
    }
    turn.claim.check()
    return register_version(turn.client, target.name, target.model_id, target.row.sha256, tags, has_bytes)


def write_entry(
    turn: LedgerTurn, kind: Kind, target: PromotionTarget, version: Registered, **more: str
) -> None:
    """Write what happens to a candidate into the ledger, and move the alias."""
    review, row = target.review, target.row
    fields = {
        "alias": target.alias,
        "version": version.version,
        "sha256": row.sha256,
        "model_id": version.model_id,
        "recipe": row.recipe,
        "reasons": row.reasons,
        "run_id": review.request.run_id,
        "request": review.request.identity(),
        "policy": review.policy.name,
        "policy_sha256": review.judgement.policy_sha256,
        "standing": target.rank,
        **vars(target.safeguards),
    }
    turn.write(kind, **fields | more)


def _download(client: "MlflowClient", review: PromotionReview, row: Row, folder: Path) -> Path:
    check_logged(client, review.model_id(row.sha256), row.sha256)
    return download_model(review.model_id(row.sha256), row.sha256, folder, row.size_bytes)


def _compared_rows(client: "MlflowClient", target: PromotionTarget) -> list[Row]:
    """Return the rows whose models the spot check runs: the baseline, the candidate, the present champion."""
    baseline, rows = target.review.judgement.table[0], target.review.judgement.candidates
    champion = find_champion(client, target.name, target.alias)
    wanted = {target.row.sha256, champion.sha256 if champion else None}
    return [baseline, *(row for row in rows if row.sha256 in wanted)]
