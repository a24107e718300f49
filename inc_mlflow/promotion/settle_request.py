"""What a judged case comes to: promoted, waiting for a person, or rejected with the reasons.

And the ledger's entry for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, ForeignError, StaleError
from inc_mlflow.promotion.promote import Warrant, challenge, crown, is_champion, on_pools, overall
from inc_mlflow.promotion.review import Case, Policy
from inc_mlflow.promotion.safeguards import protections
from inc_mlflow.records import Decision, Outcome, RequestRecord, Verdict
from inc_mlflow.tracking.registry.aliases import check_aliases
from inc_mlflow.tracking.registry.ledger import read_ledger
from inc_mlflow.tracking.registry.ledger_turn import held
from inc_mlflow.tracking.requests.approvals import Approval, approval_of, ask_approval

if TYPE_CHECKING:
    from mlflow import MlflowClient

_OUTCOMES: dict[Verdict, Outcome] = {"fail": "rejected", "inconclusive": "inconclusive"}


def answer(client: "MlflowClient", case: Case, folder: Path) -> Decision:
    """Promote what passed, write down what did not, and say so.

    Raises DataError where the models or the policy speak against it, StaleError where nothing compares the
    candidate with the champion, other TrackingErrors where the registry cannot be written now.
    """
    row, best = case.row, case.judgement.best()
    if row.verdict != "pass":
        return _not_passed(client, case, folder)
    if best.sha256 != row.sha256:
        name = case.policy.name
        raise DataError(
            f"by {name} {best.recipe} is better than {row.recipe}; put that policy into the job, and run it again"
        )
    asks = case.policy.asks_approval and not is_champion(client, overall(case))
    approval = approval_of(client, case.request.registered_model, case.request.identity()) if asks else None
    if asks and (approval is None or approval.who == case.request.requested_by):
        return _wait(client, case, folder, approval)
    if approval is not None and approval.word == "refused":
        raise DataError(f"refused by {approval.who}: {approval.reason}")
    return _promote(client, case, folder, approval.who if approval else None)


def reject(client: "MlflowClient", request: RequestRecord, policy: Policy, *reasons: str) -> Decision:
    """Write a rejection into the ledger, where the registered model has one, and say so."""
    decided = _decision(request, policy, "rejected", reasons)
    _note(client, request, policy, reasons)
    return decided


def _not_passed(client: "MlflowClient", case: Case, folder: Path) -> Decision:
    """Pools where it passes all the same get it, unless a person would have to approve: nobody is asked about what fails."""
    row = case.row
    decided = _decision(
        case.request, case.policy, _OUTCOMES.get(row.verdict or "fail", "rejected"), row.reasons
    )
    if not case.policy.asks_approval and on_pools(case, Warrant()):
        decided = _with_pools(client, case, decided, Warrant(protections(client, case)), folder)
    _note(client, case.request, case.policy, row.reasons)
    return decided


def _promote(client: "MlflowClient", case: Case, folder: Path, approved_by: str | None) -> Decision:
    warrant = Warrant(protections(client, case), approved_by)
    target = overall(case, warrant)
    version = crown(client, target, folder)
    decided = _decision(case.request, case.policy, "promoted", case.row.reasons)
    marks = {"version": version, "aliases": {target.alias: version}, "protections": warrant.protections}
    return _with_pools(client, case, decided.model_copy(update=marks), warrant, folder)


def _with_pools(
    client: "MlflowClient", case: Case, decided: Decision, warrant: Warrant, folder: Path
) -> Decision:
    """Move the aliases of pools too; one that cannot be moved is a reason, and no other's."""
    aliases, reasons = dict(decided.aliases), list(decided.reasons)
    for target in on_pools(case, warrant):
        try:
            aliases[target.alias] = crown(client, target, folder)
        except (DataError, StaleError, ForeignError) as error:
            reasons.append(f"{target.alias} stays: {error}")
    marks = {
        "aliases": aliases,
        "reasons": tuple(reasons),
        "protections": warrant.protections if aliases else (),
    }
    return decided.model_copy(update=marks)


def _wait(client: "MlflowClient", case: Case, folder: Path, own: Approval | None) -> Decision:
    version = challenge(client, overall(case), folder)
    experiment = ask_approval(client, case.request.registered_model)
    ask = f"`inc-mlflow approve {case.request.run_id}` by a user with EDIT on experiment {experiment}"
    why = f"{own.who} requested it and cannot approve it" if own else "a person has to approve it"
    decided = _decision(case.request, case.policy, "waiting", (f"{why}: {ask}",))
    return decided.model_copy(update={"version": version})


def _decision(request: RequestRecord, policy: Policy, outcome: Outcome, reasons: tuple[str, ...]) -> Decision:
    return Decision(
        run_id=request.run_id,
        outcome=outcome,
        reasons=reasons,
        policy=policy.name,
        recipe=request.recipe,
        registered_model=request.registered_model,
    )


def _note(client: "MlflowClient", request: RequestRecord, policy: Policy, reasons: tuple[str, ...]) -> None:
    """A request for a model that does not exist yet makes none: names would be anybody's to fill."""
    ledger = read_ledger(client, request.registered_model)
    policy.check_ledger(request.registered_model, ledger.run_id if ledger else None)
    if ledger is None or ledger.about("rejected", request.identity()):
        return
    check_aliases(client, ledger)  # before a turn is taken: while that holds, this is tried again and again
    with held(client, request.registered_model) as turn:
        turn.write(
            "rejected",
            sha256=request.sha256,
            recipe=request.recipe,
            reasons=reasons,
            run_id=request.run_id,
            request=request.identity(),
            policy=policy.name,
        )
