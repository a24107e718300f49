"""Point an alias at a candidate that passed, if it is better than what the alias names.

No alias moves up otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, FrozenError, StaleError
from inc_mlflow.promotion.review import Case
from inc_mlflow.records import Protection, RequestRecord, Row
from inc_mlflow.records.ledger import Entry, Kind, Standing
from inc_mlflow.tracking.registry.aliases import (
    challenger_alias,
    champion_alias,
    check_absent,
    check_alias,
    check_aliases,
)
from inc_mlflow.tracking.registry.champions import find_champion
from inc_mlflow.tracking.registry.create_ledger import found
from inc_mlflow.tracking.registry.ledger import Ledger, read_ledger
from inc_mlflow.tracking.registry.ledger_turn import Hold, held
from inc_mlflow.tracking.registry.versions import Registered, check_logged, download, register, same_bytes
from inc_mlflow.tracking.requests.approvals import ask_approval

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Warrant:
    """What stands behind a promotion beside the evidence."""

    protections: tuple[Protection, ...] = ()
    approved_by: str | None = None


@dataclass(frozen=True)
class Target:
    """A candidate and the alias that it is to get."""

    case: Case
    alias: str
    row: Row
    standing: Standing
    warrant: Warrant

    @property
    def name(self) -> str:
        """The registered model."""
        return self.case.request.registered_model

    @property
    def model_id(self) -> str:
        """The candidate's logged model."""
        return self.case.model_id(self.row.sha256)


def overall(case: Case, warrant: Warrant | None = None) -> Target:
    """Return the requested candidate as champion of all required pools."""
    alias = champion_alias(case.request.alias_prefix)
    standing = case.finding.standing
    if standing is None:
        raise DataError(
            f"run {case.request.run_id}: its candidate does not pass; only what passes is promoted"
        )
    return Target(case, alias, case.row, standing, warrant or Warrant())


def on_pools(case: Case, warrant: Warrant) -> list[Target]:
    """Return the best candidate of each pool that passes there, where a job has several real ones.

    Where a person approved, that was the requested candidate and no other.
    """
    prefix, requested = case.request.alias_prefix, case.request.sha256
    allowed = [one for one in case.finding.places if warrant.approved_by is None or one.sha256 == requested]
    return [
        Target(case, champion_alias(prefix, one.pool), case.row_of(one.sha256), one.standing, warrant)
        for one in allowed
    ]


def crown(client: "MlflowClient", target: Target, folder: Path) -> str:
    """Move the alias to the candidate, once however often asked; return the version.

    ``folder`` gets the file. Raises DataError where the model was altered, is blocked, or the champion is
    better, StaleError where nothing tells which is better, ForeignError, FrozenError and LedgerError where
    nothing may move.
    """
    check_candidate(client, target, folder)
    _check_first(client, target)
    found(client, target.name)
    return _crown(client, target, folder)


def challenge(client: "MlflowClient", target: Target, folder: Path) -> str:
    """Register the candidate under the challenger's alias, where a person has to approve; return its version.

    Once for each request: of several that wait, the last one has the alias.
    """
    check_candidate(client, target, folder)
    ledger = _check_first(client, target)
    if ledger is not None and (asked := ledger.about("challenged", target.case.request.identity())):
        return str(asked[-1].version)
    found(client, target.name)
    return _challenge(client, target, challenger_alias(target.case.request.alias_prefix), folder)


def _crown(client: "MlflowClient", target: Target, folder: Path) -> str:
    proven = _same_bytes(client, target, folder)
    with held(client, target.name) as turn:
        check_absent(turn.ledger, target.alias)
        present = turn.ledger.place(target.alias)
        if present is not None and present.sha256 == target.row.sha256:
            return str(present.version)
        check_open(turn.ledger, target)
        check_rival(present, target)
        if made := _register(turn, target, proven):
            write(turn, "promoted", target, made)
            return made.version
    return _crown(client, target, folder)


def _challenge(client: "MlflowClient", target: Target, alias: str, folder: Path) -> str:
    proven = _same_bytes(client, target, folder)
    with held(client, target.name) as turn:
        check_open(turn.ledger, target)
        check_rival(turn.ledger.place(target.alias), target)
        check_absent(turn.ledger, alias)
        if made := _register(turn, target, proven):
            ask_approval(
                client, target.name
            )  # in a turn, so that two gates do not make a place for approvals each
            write(turn, "challenged", target, made, alias=alias)
            return made.version
    return _challenge(client, target, alias, folder)


def _check_first(client: "MlflowClient", target: Target) -> Ledger | None:
    """Refuse before a turn is taken: a request that stays open is looked at again and again, and each turn leaves params."""
    check_alias(target.alias)
    ledger = read_ledger(client, target.name)
    target.case.policy.check_ledger(target.name, ledger.run_id if ledger else None)
    if ledger is not None:
        check_absent(ledger, target.alias)
        check_aliases(client, ledger)
        check_open(ledger, target)
    return ledger


def withdraw(client: "MlflowClient", request: RequestRecord) -> None:
    """Take the challenger's alias away from the candidate of a request that waits no longer."""
    alias = challenger_alias(request.alias_prefix)
    if not _challenges(read_ledger(client, request.registered_model), alias, request):
        return
    with held(client, request.registered_model) as turn:
        if _challenges(turn.ledger, alias, request):
            turn.write("withdrawn", alias=alias, sha256=request.sha256, run_id=request.run_id)


def is_champion(client: "MlflowClient", target: Target) -> bool:
    """Tell whether the alias names the candidate already."""
    ledger = read_ledger(client, target.name)
    place = ledger.place(target.alias) if ledger else None
    return place is not None and place.sha256 == target.row.sha256


def check_candidate(client: "MlflowClient", target: Target, folder: Path) -> None:
    """Raise DataError where the logged model is not the candidate of the evidence any more, or gives other outcomes."""
    _fetch(client, target.case, target.row, folder)
    policy = target.case.policy.spec
    if policy is not None and policy.recheck is not None:
        rows = _compared(client, target)
        files = {
            row.recipe: _fetch(client, target.case, row, folder / "recheck" / row.sha256) for row in rows
        }
        target.case.run_again(target.row.recipe, files)


def check_open(ledger: Ledger, target: Target) -> None:
    """Raise FrozenError where promotion is stopped, DataError where this model was rolled back."""
    if (stop := ledger.frozen) is not None:
        why = "; ".join(stop.reasons)
        raise FrozenError(
            f"registered model {ledger.name!r}: frozen by {stop.who} since {stop.at} ({why}); "
            f"`inc-mlflow unfreeze {ledger.name}` ends that"
        )
    if (reason := blocked(ledger, target.row.recipe, target.row.sha256)) is not None:
        raise DataError(reason)


def blocked(ledger: Ledger, recipe: str, sha256: str) -> str | None:
    """Say by whom a model was rolled back; None where it was not, or is allowed again."""
    if (block := ledger.blocked.get(sha256)) is None:
        return None
    return (
        f"{recipe}: was rolled back by {block.who} at {block.at} ({'; '.join(block.reasons)}); "
        f"`inc-mlflow unblock {ledger.name} {sha256[:12]}` allows it again"
    )


def check_rival(present: Entry | None, target: Target) -> None:
    """Raise DataError where the present champion is better, StaleError where nothing tells.

    It is told by the table where both stand in it, the best row being asked for. A champion that came after
    the candidate was measured is compared by their ratios to one baseline, and only where rows, hardware and
    layout were the same.
    """
    if present is None or present.sha256 in {row.sha256 for row in target.case.judgement.table}:
        return
    rival = f"{target.alias} is version {present.version} ({present.recipe}) now"
    if present.standing is None or present.standing.conditions != target.standing.conditions:
        raise StaleError(
            f"registered model {target.name!r}: {rival}, not measured beside the candidate nor as it was; run the job again"
        )
    if not target.standing.beats(present.standing):
        theirs, ours = present.standing.speedup, target.standing.speedup
        raise DataError(
            f"{rival} and better: at least {theirs:.3f}x against {ours:.3f}x under the same conditions"
        )


def write(turn: Hold, kind: Kind, target: Target, made: Registered, **more: str) -> None:
    """Write what happens to a candidate into the ledger."""
    case, row = target.case, target.row
    fields = {
        "alias": target.alias,
        "version": made.version,
        "sha256": row.sha256,
        "model_id": made.model_id,
        "recipe": row.recipe,
        "reasons": row.reasons,
        "run_id": case.request.run_id,
        "request": case.request.identity(),
        "policy": case.policy.name,
        "policy_sha256": case.judgement.policy_sha256,
        "standing": target.standing,
        **vars(target.warrant),
    }
    turn.write(kind, **fields | more)


def _fetch(client: "MlflowClient", case: Case, row: Row, folder: Path) -> Path:
    check_logged(client, case.model_id(row.sha256), row.sha256)
    return download(case.model_id(row.sha256), row.sha256, folder, row.size_bytes)


def _compared(client: "MlflowClient", target: Target) -> list[Row]:
    """Return the rows of the table that speak for the candidate: the baseline's, its own, and the present champion's."""
    baseline, *rows = target.case.judgement.table
    champion = find_champion(client, target.name, target.alias)
    wanted = {target.row.sha256, champion.sha256 if champion else None}
    return [baseline, *(row for row in rows if row.sha256 in wanted)]


def _challenges(ledger: Ledger | None, alias: str, request: RequestRecord) -> bool:
    place = ledger.place(alias) if ledger else None
    return place is not None and place.request == request.identity()


def _same_bytes(client: "MlflowClient", target: Target, folder: Path) -> dict[str, bool]:
    return same_bytes(client, target.name, target.model_id, target.row.sha256, folder)


def _register(turn: Hold, target: Target, proven: Mapping[str, bool]) -> Registered | None:
    """Return the version to point at; None where there is one by now that nobody has looked at."""
    request = target.case.request
    tags = {
        "inc.recipe": target.row.recipe,
        "inc.verdict": target.row.verdict or "",
        "inc.run_id": request.run_id,
        "inc.policy_sha256": target.case.judgement.policy_sha256,
    }
    turn.claim.check()
    return register(turn.client, target.name, target.model_id, target.row.sha256, tags, proven)
