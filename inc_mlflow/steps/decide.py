"""The gate's side: answer requests for promotion, by what their evidence says to whoever judges it again."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, SpecError, StaleError, StateError, TrackingError
from inc_mlflow.measure.evidence import Measured
from inc_mlflow.records import Decision, JudgementRecord, Outcome, RequestRecord, Row, Verdict
from inc_mlflow.spec import GateSpec, JobSpec, PolicySpec
from inc_mlflow.steps.gate import of_job
from inc_mlflow.steps.promote import promote_requested
from inc_mlflow.steps.single_gate import judge_pools, pools_of
from inc_mlflow.steps.track import JOB
from inc_mlflow.tracking.artifacts import fetch_evidence
from inc_mlflow.tracking.requests import claim_request, close_request, closed_as, open_requests, read_request
from inc_mlflow.tracking.server import Stores, connected
from inc_mlflow.tracking.versions import find_champion

if TYPE_CHECKING:
    from mlflow import MlflowClient

_OUTCOMES: dict[Verdict, Outcome] = {"fail": "rejected", "inconclusive": "inconclusive"}


@dataclass(frozen=True)
class Policy:
    """The gate's own policy, and what it is called; without one each job is judged by its own gate."""

    name: str = "the job's own gate"
    spec: PolicySpec | None = None

    @classmethod
    def load(cls, path: Path | None) -> "Policy":
        """Read a policy file."""
        return cls(str(path), PolicySpec.load(path)) if path else cls()

    @property
    def limits(self) -> GateSpec | None:
        """What judgements are made by."""
        return self.spec.limits if self.spec else None


def decide_all(stores: Stores, experiment: str | None, policy: Policy) -> Iterator[Decision]:
    """Answer every request that waits, oldest first; one that cannot be answered now stays open and stops no other."""
    with connected(stores) as client:
        waiting = open_requests(client, experiment)
    for run_id in waiting:
        try:
            yield decide(stores, run_id, policy)
        except TrackingError as error:
            yield Decision(run_id=run_id, outcome="open", reasons=(str(error),), policy=policy.name)


def decide(stores: Stores, run_id: str, policy: Policy) -> Decision:
    """Judge a requested promotion again, promote or not, and close the request; a closed one keeps its answer.

    Killed at any point, it can be called again: closing comes last, and promotion makes no second version. TrackingError
    before anything moves where this identity may not close it.
    """
    with tempfile.TemporaryDirectory() as folder, connected(stores) as client:
        closed = closed_as(client, run_id, Path(folder))
        if closed is not None:
            return closed
        claim_request(client, run_id, policy.name)
        decision = _answer(client, run_id, policy, Path(folder))
        close_request(client, decision)
    return decision


def _answer(client: "MlflowClient", run_id: str, policy: Policy, folder: Path) -> Decision:
    try:
        request = read_request(client, run_id, folder)
        judged = _judge_again(client, request, policy, folder)
        return _act(client, request, judged, policy, folder)
    except StaleError as error:
        return Decision(run_id=run_id, outcome="stale", reasons=(str(error),), policy=policy.name)
    except (DataError, SpecError, StateError) as error:  # whatever the evidence is, it is not what was measured
        return Decision(run_id=run_id, outcome="rejected", reasons=(str(error),), policy=policy.name)


def _judge_again(client: "MlflowClient", request: RequestRecord, policy: Policy, folder: Path) -> JudgementRecord:
    """Judge from the outcomes themselves, whatever the pipeline made of them."""
    evidence = fetch_evidence(client, request.run_id, request.evidence, folder)
    job = JobSpec.from_text((evidence / JOB).read_text())
    pools = of_job(job, pools_of([evidence]))
    _check_required(policy, pools)
    return judge_pools(pools, policy.limits or job.gate)


def _check_required(policy: Policy, pools: dict[str, Measured]) -> None:
    """A job cannot leave out the hardware that the gate's own policy requires by name."""
    named = policy.limits.pools.items() if policy.limits else ()
    missing = [pool for pool, one in named if one.role == "required" and pool not in pools]
    if missing:
        raise DataError(
            f"gate: {policy.name} requires pool {missing[0]!r}; the evidence is of {', '.join(pools)}; measure there"
        )


def _act(client: "MlflowClient", request: RequestRecord, judged: JudgementRecord, policy: Policy, folder: Path) -> Decision:
    row, best = _requested(request, judged), judged.best()
    decided = Decision(
        run_id=request.run_id,
        outcome=_OUTCOMES.get(row.verdict or "fail", "rejected"),
        reasons=row.reasons,
        policy=policy.name,
        recipe=row.recipe,
        registered_model=request.registered_model,
    )
    if row.verdict != "pass":
        return decided
    if best.sha256 != row.sha256:
        reason = f"by {policy.name} {best.recipe} is better than {row.recipe}; put that policy into the job, and run it again"
        return decided.model_copy(update={"reasons": (reason,)})
    _check_rival(client, request, judged)
    made = promote_requested(client, request.model_copy(update={"policy_sha256": judged.policy_sha256}), folder)
    return decided.model_copy(update={"outcome": "promoted", "version": made.version})


def _requested(request: RequestRecord, judged: JudgementRecord) -> Row:
    row = next((row for row in judged.table[1:] if row.sha256 == request.sha256), None)
    if row is None:
        raise DataError(f"run {request.run_id}: the evidence is not about the candidate that is requested; measure it")
    return row


def _check_rival(client: "MlflowClient", request: RequestRecord, judged: JudgementRecord) -> None:
    """Whatever a request says it was measured against: the present champion's numbers have to be there."""
    champion = find_champion(client, request.registered_model)
    if champion is not None and champion.sha256 not in {row.sha256 for row in judged.table}:
        raise StaleError(
            f"registered model {request.registered_model!r}: version {champion.version} is champion now and was not "
            "measured beside the candidate; run the job again"
        )
