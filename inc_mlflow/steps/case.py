"""A request for promotion, and what its evidence says to whoever judges it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, LedgerError
from inc_mlflow.measure.evidence import Measured
from inc_mlflow.records import JudgementRecord, RequestRecord, Row
from inc_mlflow.spec import GateSpec, JobSpec, PolicySpec
from inc_mlflow.steps.evidence import evidence_job
from inc_mlflow.steps.gate import of_job
from inc_mlflow.steps.single_gate import judge_pools, pools_of
from inc_mlflow.tracking.artifacts import fetch_evidence

if TYPE_CHECKING:
    from mlflow import MlflowClient


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
    def asks_approval(self) -> bool:
        """Tell whether a person has to approve."""
        return self.spec is not None and self.spec.approval

    def limits(self, job: JobSpec) -> GateSpec:
        """Return what a job is judged by."""
        return self.spec.limits if self.spec else job.gate

    def ledger_of(self, name: str) -> str | None:
        """Return the run that holds a registered model's ledger; None where the policy names none."""
        return self.spec.ledgers.get(name) if self.spec else None

    def check_ledger(self, name: str, run_id: str | None) -> None:
        """Raise LedgerError where a registered model names another ledger than the policy: whoever made it could write it."""
        if self.ledger_of(name) not in {None, run_id}:
            raise LedgerError(
                f"registered model {name!r}: its ledger is {f'run {run_id}' if run_id else 'gone'}, by {self.name} it is run "
                f"{self.ledger_of(name)}; somebody put another one in its place"
            )


@dataclass(frozen=True)
class Case:
    """All that a decision depends on, read once."""

    request: RequestRecord
    policy: Policy
    job: JobSpec
    pools: dict[str, Measured]
    judgement: JudgementRecord

    @property
    def limits(self) -> GateSpec:
        """What the judgement was made by."""
        return self.policy.limits(self.job)

    @property
    def row(self) -> Row:
        """The requested candidate's line; DataError where the evidence is not about it."""
        row = next((row for row in self.judgement.table[1:] if row.sha256 == self.request.sha256), None)
        if row is None:
            run = self.request.run_id
            raise DataError(f"run {run}: the evidence is not about the candidate that is requested; measure it")
        return row

    def model_id(self, sha256: str) -> str:
        """Return the logged model of a candidate; DataError where the request does not name it."""
        if sha256 not in self.request.models:
            raise DataError(f"run {self.request.run_id}: the request names no logged model of sha256 {sha256[:12]}; run again")
        return self.request.models[sha256]


def judge_again(client: "MlflowClient", request: RequestRecord, policy: Policy, folder: Path) -> Case:
    """Judge from the outcomes themselves, whatever the pipeline made of them; ``folder`` gets the evidence.

    Raises DataError, SpecError or StateError where it is not what was measured, or not of the pools that were to be.
    """
    evidence = fetch_evidence(client, request.run_id, request.evidence, folder)
    job = evidence_job(evidence)
    pools = of_job(job, pools_of([evidence]))
    _check_required(policy, pools)
    return Case(request, policy, job, pools, judge_pools(pools, policy.limits(job)))


def _check_required(policy: Policy, pools: dict[str, Measured]) -> None:
    """A job cannot leave out the hardware that the gate's own policy requires by name."""
    named = policy.spec.pools.items() if policy.spec else ()
    missing = [pool for pool, one in named if one.role == "required" and pool not in pools]
    if missing:
        raise DataError(
            f"gate: {policy.name} requires pool {missing[0]!r}; the evidence is of {', '.join(pools)}; measure there"
        )
