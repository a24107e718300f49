"""A request for promotion, and what its evidence says to whoever judges it again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from inc_mlflow.confined import Limits, confined
from inc_mlflow.errors import BrokenError, DataError, LedgerError
from inc_mlflow.files import model_bytes
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.promotion.gate_data import own_rows
from inc_mlflow.promotion.spot_check import in_one_kind
from inc_mlflow.records import Finding, JudgementRecord, Proof, Protection, RequestRecord, Row
from inc_mlflow.spec import JobSpec, PolicySpec
from inc_mlflow.tracking.runs.artifacts import fetch_evidence

if TYPE_CHECKING:
    from mlflow import MlflowClient

F = TypeVar("F", Finding, Proof)
_JUDGING = "inc_mlflow.promotion.confined_review"
"""Loaded where it is run only."""
_PATIENCE = 8
"""Seconds for each second of CPU time that reading takes: a busy machine is nobody's fault."""
RUNNING_BYTES = 2 << 30
"""Memory for running models beyond what is in proportion to their files."""


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

    @property
    def reading(self) -> Limits:
        """What reading and judging the evidence of one request may take."""
        spec = self.spec or PolicySpec(version=1)
        wall = _PATIENCE * spec.reading_seconds + 2 * spec.judging_seconds
        return Limits(
            spec.reading_seconds, spec.reading_mib << 20, wall, more_cpu_seconds=spec.judging_seconds
        )

    @property
    def text(self) -> str:
        """Return the limits for the process that judges; nothing where each job is judged by its own gate."""
        return self.spec.model_dump_json() if self.spec else ""

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
    evidence: Path
    finding: Finding

    @property
    def judgement(self) -> JudgementRecord:
        """What the gate makes of the evidence."""
        return self.finding.judgement

    @property
    def row(self) -> Row:
        """The requested candidate's line; DataError where the evidence is not about it."""
        return self.row_of(self.request.sha256)

    def row_of(self, sha256: str) -> Row:
        """Return a candidate's line; DataError where the evidence is not about it."""
        row = next((row for row in self.judgement.table[1:] if row.sha256 == sha256), None)
        if row is None:
            run = self.request.run_id
            raise DataError(
                f"run {run}: the evidence is not about the candidate that is requested; measure it"
            )
        return row

    def model_id(self, sha256: str) -> str:
        """Return the logged model of a candidate; DataError where the request does not name it."""
        if sha256 not in self.request.models:
            raise DataError(
                f"run {self.request.run_id}: the request names no logged model of sha256 {sha256[:12]}; run again"
            )
        return self.request.models[sha256]

    def proven(self) -> tuple[Protection, ...]:
        """Return how far the accuracy can be relied on, where rows were run again."""
        arguments = {"evidence": str(self.evidence), "policy": self.policy.text}
        text = confined(f"run {self.request.run_id}", f"{_JUDGING}:proven", arguments, self.policy.reading)
        return _parsed(Proof, text, self.request.run_id).protections

    def run_again(self, candidate: str, models: Mapping[str, Path]) -> None:
        """Run rows of the gate's own data, where the policy says so; ``models`` are files by label.

        DataError where the evidence is refused, TrackingError where the gate's data cannot be reached.
        """
        policy = self.policy.spec
        if policy is None or policy.data is None:
            return
        with in_one_kind():
            own = own_rows(JobSpec.from_json(self.finding.job), policy.data)
        arguments = {
            "evidence": str(self.evidence),
            "own": own.model_dump_json(by_alias=True),
            "policy": self.policy.text,
            "candidate": candidate,
            "models": {label: str(file) for label, file in models.items()},
        }
        confined(
            f"run {self.request.run_id}",
            f"{_JUDGING}:run_again",
            arguments,
            _running(policy, models.values()),
        )


def judge_again(client: "MlflowClient", request: RequestRecord, policy: Policy, folder: Path) -> Case:
    """Judge from the outcomes themselves, whatever the pipeline made of them; ``folder`` gets the evidence.

    Raises DataError, SpecError or StateError where it is not what was measured, or not of the pools that were
    to be; BrokenError where nobody can read it.
    """
    evidence = fetch_evidence(client, request.run_id, request.evidence, folder)
    about = {
        "evidence": str(evidence),
        "sha256": request.sha256,
        "policy": policy.text,
        "policy_name": policy.name,
    }
    text = confined(f"run {request.run_id}", f"{_JUDGING}:judged", about, policy.reading)
    return Case(request, policy, evidence, _parsed(Finding, text, request.run_id))


def _parsed(kind: type[F], text: str, run_id: str) -> F:
    """Take what a process says that somebody else may have taken over."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise BrokenError(
            f"run {run_id}: the process that reads its evidence answered something else; run it again"
        ) from error


def _running(policy: PolicySpec, models: Iterable[Path]) -> Limits:
    """Models that are large may take more: their files are as large."""
    sizes = sum(model_bytes(model) for model in models)
    wall = policy.recheck_seconds
    return Limits(wall * len(usable_cores()), RUNNING_BYTES + 4 * sizes, wall, file_bytes=RUNNING_BYTES)
