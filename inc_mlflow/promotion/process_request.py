"""process_request: judge a request's evidence again, promote or not, and close it with the reasons."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.confined import describe_error, is_shortage
from inc_mlflow.errors import (
    LONGEST_LINE,
    BrokenError,
    DataError,
    ForeignError,
    IncError,
    ShortageError,
    SpecError,
    StaleError,
    StateError,
    one_line,
)
from inc_mlflow.promotion.challenge import challenge, withdraw
from inc_mlflow.promotion.closed_request import closed_decision
from inc_mlflow.promotion.promote import is_champion, overall_target, pool_targets, promote_alias
from inc_mlflow.promotion.review import Policy, PromotionReview, review_request
from inc_mlflow.promotion.safeguards import Safeguards, find_safeguards
from inc_mlflow.records import Decision, Outcome, RequestRecord, Verdict
from inc_mlflow.tracking.registry.aliases import check_aliases
from inc_mlflow.tracking.registry.ledger import read_ledger
from inc_mlflow.tracking.registry.ledger_turn import ledger_turn
from inc_mlflow.tracking.requests.approvals import Approval, ensure_approvals, read_approval
from inc_mlflow.tracking.requests.requests import (
    close_request,
    count_try,
    find_open_requests,
    mark_judged,
    read_request,
)
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient

UNANSWERED = ("open", "waiting")
"""Outcomes that leave a request open."""
TRIES = 3
"""Tries at a request that breaks the process reading it, before it is closed."""
_OUTCOMES: dict[Verdict, Outcome] = {"fail": "rejected", "inconclusive": "inconclusive"}


def process_open_requests(stores: Stores, experiment: str | None, policy: Policy) -> Iterator[Decision]:
    """Process every open request, new ones first.

    One that cannot be answered now stays open and stops no other.
    """
    with connected(stores) as client:
        run_ids = find_open_requests(client, experiment)
    for run_id in run_ids:
        try:
            yield process_untrusted_request(stores, run_id, policy)
        except IncError as error:
            reason = one_line(str(error), LONGEST_LINE)
            yield Decision(run_id=run_id, outcome="open", reasons=(reason,), policy=policy.name)


def process_untrusted_request(stores: Stores, run_id: str, policy: Policy) -> Decision:
    """Process a request that somebody else made, whatever reading it raises.

    One that breaks the process reading it is closed as ``broken`` at the last of ``TRIES``, and open before.
    A lack of this machine's or the server's is no such try, and is raised as an IncError.
    """
    try:
        return process_request(stores, run_id, policy)
    except BrokenError as error:
        return _count_broken(stores, run_id, policy, str(error))
    except IncError:
        raise
    except (
        Exception
    ) as error:  # one untrusted request: not even a bug of ours may keep the others from their answers
        if is_shortage(error):
            raise ShortageError(f"run {run_id}: {describe_error(error)}; try again") from error
        reason = f"run {run_id}: {describe_error(error)}; start the pipeline again"
        return _count_broken(stores, run_id, policy, reason)


def process_request(stores: Stores, run_id: str, policy: Policy) -> Decision:
    """Judge a requested promotion again, promote or not, and close the request.

    A closed request keeps its decision. Killed at any point, it can be called again: closing comes last, and
    promotion makes no second version. Raises TrackingError, before anything moves, where this identity may
    not close the request.
    """
    with tempfile.TemporaryDirectory() as folder, connected(stores) as client:
        if (closed := closed_decision(client, run_id, Path(folder))) is not None:
            return _one_line_reasons(closed)
        mark_judged(client, run_id, policy.name)
        decision = _one_line_reasons(_read_and_settle(client, run_id, policy, Path(folder)))
        if decision.outcome not in UNANSWERED:
            close_request(client, decision)
    return decision


def _read_and_settle(client: "MlflowClient", run_id: str, policy: Policy, folder: Path) -> Decision:
    try:
        request = read_request(client, run_id, folder)
    except DataError as error:
        return Decision(run_id=run_id, outcome="rejected", reasons=(str(error),), policy=policy.name)
    decision = _review_and_settle(client, request, policy, folder)
    if decision.outcome not in UNANSWERED:
        withdraw(client, request)
    return decision


def _review_and_settle(
    client: "MlflowClient", request: RequestRecord, policy: Policy, folder: Path
) -> Decision:
    try:
        return _settle(client, review_request(client, request, policy, folder), folder)
    except BrokenError:
        raise
    except StaleError as error:
        return Decision(run_id=request.run_id, outcome="stale", reasons=(str(error),), policy=policy.name)
    except (DataError, SpecError, StateError) as error:  # the evidence is not what was measured
        reason = one_line(str(error).replace(f"{folder}/", ""), LONGEST_LINE)  # no temporary path
        _record_rejection(client, request, policy, (reason,))
        return _decision(request, policy, "rejected", (reason,))


def _settle(client: "MlflowClient", review: PromotionReview, folder: Path) -> Decision:
    """Promote what passed, record what did not, and return the decision.

    Raises DataError where the models or the policy speak against it, StaleError where nothing compares the
    candidate with the champion, other TrackingErrors where the registry cannot be written now.
    """
    row, best, request = review.row, review.judgement.best(), review.request
    if row.verdict != "pass":
        return _settle_not_passed(client, review, folder)
    if best.sha256 != row.sha256:
        raise DataError(
            f"by {review.policy.name} {best.recipe} is better than {row.recipe}; "
            "put that policy into the job, and run it again"
        )
    needs_approval = review.policy.asks_approval and not is_champion(client, overall_target(review))
    approval = read_approval(client, request.registered_model, request.identity()) if needs_approval else None
    if needs_approval and (approval is None or approval.who == request.requested_by):
        return _wait_for_approval(client, review, folder, approval)
    if approval is not None and approval.word == "rejected":
        raise DataError(f"rejected by {approval.who}: {approval.reason}")
    return _promote(client, review, folder, approval.who if approval else None)


def _settle_not_passed(client: "MlflowClient", review: PromotionReview, folder: Path) -> Decision:
    """Promote it on each pool where it still passes, unless the policy asks for approval.

    Approval is for overall passes only.
    """
    row = review.row
    outcome = _OUTCOMES.get(row.verdict or "fail", "rejected")
    decision = _decision(review.request, review.policy, outcome, row.reasons)
    if not review.policy.asks_approval and pool_targets(review, Safeguards()):
        decision = _promote_on_pools(client, review, decision, find_safeguards(client, review), folder)
    _record_rejection(client, review.request, review.policy, row.reasons)
    return decision


def _promote(
    client: "MlflowClient", review: PromotionReview, folder: Path, approved_by: str | None
) -> Decision:
    safeguards = find_safeguards(client, review, approved_by)
    target = overall_target(review, safeguards)
    version = promote_alias(client, target, folder)
    decision = _decision(review.request, review.policy, "promoted", review.row.reasons)
    promoted = {
        "version": version,
        "aliases": {target.alias: version},
        "protections": safeguards.protections,
    }
    return _promote_on_pools(client, review, decision.model_copy(update=promoted), safeguards, folder)


def _promote_on_pools(
    client: "MlflowClient", review: PromotionReview, decision: Decision, safeguards: Safeguards, folder: Path
) -> Decision:
    """Move the aliases of pools too; one that cannot move becomes a reason and stops no other."""
    aliases, reasons = dict(decision.aliases), list(decision.reasons)
    for target in pool_targets(review, safeguards):
        try:
            aliases[target.alias] = promote_alias(client, target, folder)
        except (DataError, StaleError, ForeignError) as error:
            reasons.append(f"{target.alias} stays: {error}")
    protections = safeguards.protections if aliases else ()
    return decision.model_copy(
        update={"aliases": aliases, "reasons": tuple(reasons), "protections": protections}
    )


def _wait_for_approval(
    client: "MlflowClient", review: PromotionReview, folder: Path, own: Approval | None
) -> Decision:
    """Make the candidate the challenger; ``own`` is an approval by the requester, which does not count."""
    version = challenge(client, overall_target(review), folder)
    experiment = ensure_approvals(client, review.request.registered_model)
    how = f"`inc-mlflow approve {review.request.run_id}` by a user with EDIT on experiment {experiment}"
    why = f"{own.who} requested it and cannot approve it" if own else "a person has to approve it"
    decision = _decision(review.request, review.policy, "waiting", (f"{why}: {how}",))
    return decision.model_copy(update={"version": version})


def _record_rejection(
    client: "MlflowClient", request: RequestRecord, policy: Policy, reasons: tuple[str, ...]
) -> None:
    """Write a rejection into the ledger, once.

    Where the registered model does not exist, none is created: anybody could fill the server with names.
    """
    ledger = read_ledger(client, request.registered_model)
    policy.check_ledger(request.registered_model, ledger.run_id if ledger else None)
    if ledger is None or ledger.entries_about("rejected", request.identity()):
        return
    check_aliases(client, ledger)  # before a turn: while this fails the request is tried again and again
    with ledger_turn(client, request.registered_model) as turn:
        turn.write(
            "rejected",
            sha256=request.sha256,
            recipe=request.recipe,
            reasons=reasons,
            run_id=request.run_id,
            request=request.identity(),
            policy=policy.name,
        )


def _count_broken(stores: Stores, run_id: str, policy: Policy, reason: str) -> Decision:
    """Count a try at a request that breaks the process reading it, and close it at the last one."""
    with connected(stores) as client:
        tries = count_try(client, run_id)
        last = tries >= TRIES
        reasons = (
            one_line(reason, LONGEST_LINE),
            f"try {tries} of {TRIES}{'' if last else '; after the last it is closed'}",
        )
        outcome: Outcome = "broken" if last else "open"
        decision = Decision(run_id=run_id, outcome=outcome, reasons=reasons, policy=policy.name)
        if last:
            with suppress(DataError), tempfile.TemporaryDirectory() as folder:
                withdraw(client, read_request(client, run_id, Path(folder)))
            close_request(client, decision)
    return decision


def _one_line_reasons(decision: Decision) -> Decision:
    """Reasons repeat names that somebody else chose, so they are kept to one line each."""
    return decision.model_copy(
        update={"reasons": tuple(one_line(reason, LONGEST_LINE) for reason in decision.reasons)}
    )


def _decision(request: RequestRecord, policy: Policy, outcome: Outcome, reasons: tuple[str, ...]) -> Decision:
    return Decision(
        run_id=request.run_id,
        outcome=outcome,
        reasons=reasons,
        policy=policy.name,
        recipe=request.recipe,
        registered_model=request.registered_model,
    )
