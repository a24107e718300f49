"""review: judge the evidence of a request again, in a process with limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from inc_mlflow.confined import Limits, confined
from inc_mlflow.errors import BrokenError, DataError, LedgerError
from inc_mlflow.files import model_bytes
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.promotion.gate_data import find_gate_data, sort_errors
from inc_mlflow.records import (
    AccuracyProtections,
    JudgementRecord,
    Protection,
    RequestRecord,
    ReviewResult,
    Row,
)
from inc_mlflow.spec import JobSpec, PolicySpec
from inc_mlflow.tracking.runs.artifacts import fetch_evidence

if TYPE_CHECKING:
    from mlflow import MlflowClient

F = TypeVar("F", ReviewResult, AccuracyProtections)
_CONFINED = "inc_mlflow.promotion.confined_review"
"""Named as text: only the process with limits loads it."""
_PATIENCE = 8
"""Seconds of wall time for each second of CPU time that reading may take: the machine may be busy."""
RUNNING_BYTES = 2 << 30
"""Memory for running models, beside four times the size of their files."""


@dataclass(frozen=True)
class Policy:
    """The gate's own policy and its name; without one each job is judged by its own gate."""

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
        """Limits for reading and judging the evidence of one request."""
        spec = self.spec or PolicySpec(version=1)
        wall = _PATIENCE * spec.reading_seconds + 2 * spec.judging_seconds
        return Limits(
            spec.reading_seconds, spec.reading_mib << 20, wall, more_cpu_seconds=spec.judging_seconds
        )

    @property
    def text(self) -> str:
        """The policy as JSON, for the process that judges; empty where each job is judged by its own gate."""
        return self.spec.model_dump_json() if self.spec else ""

    def ledger_of(self, name: str) -> str | None:
        """Return the run that holds a registered model's ledger; None where the policy names none."""
        return self.spec.ledgers.get(name) if self.spec else None

    def check_ledger(self, name: str, run_id: str | None) -> None:
        """Raise LedgerError where a registered model names another ledger than the policy does.

        Whoever created that ledger may write to it.
        """
        if self.ledger_of(name) not in {None, run_id}:
            raise LedgerError(
                f"registered model {name!r}: its ledger is {f'run {run_id}' if run_id else 'gone'}, "
                f"by {self.name} it is run {self.ledger_of(name)}; somebody put another one in its place"
            )


@dataclass(frozen=True)
class PromotionReview:
    """A request and what its evidence came to: all that the decision depends on, read once."""

    request: RequestRecord
    policy: Policy
    evidence: Path
    result: ReviewResult

    @property
    def judgement(self) -> JudgementRecord:
        """The judgement by the gate's policy."""
        return self.result.judgement

    @property
    def row(self) -> Row:
        """The requested candidate's row of the table; DataError where the evidence is not about it."""
        return self.row_of(self.request.sha256)

    def row_of(self, sha256: str) -> Row:
        """Return a candidate's row of the table; DataError where the evidence is not about it."""
        row = next((row for row in self.judgement.candidates if row.sha256 == sha256), None)
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
                f"run {self.request.run_id}: the request names no logged model of sha256 {sha256[:12]}; "
                "run again"
            )
        return self.request.models[sha256]

    def accuracy_protections(self) -> tuple[Protection, ...]:
        """Return how far the accuracy can be relied on after a spot check that refused nothing."""
        arguments = {"evidence": str(self.evidence), "policy": self.policy.text}
        text = confined(
            f"run {self.request.run_id}", f"{_CONFINED}:describe_accuracy", arguments, self.policy.reading
        )
        return _parse_result(AccuracyProtections, text, self.request.run_id).protections

    def spot_check(self, candidate: str, models: Mapping[str, Path]) -> None:
        """Run rows of the gate's own data, where the policy says so; ``models`` are files by label.

        Raises DataError where the evidence is refused, TrackingError where the gate's data cannot be reached.
        """
        policy = self.policy.spec
        if policy is None or policy.data is None:
            return
        with sort_errors():
            gate_data = find_gate_data(JobSpec.from_json(self.result.job), policy.data)
        arguments = {
            "evidence": str(self.evidence),
            "gate_data": gate_data.model_dump_json(by_alias=True),
            "policy": self.policy.text,
            "candidate": candidate,
            "models": {label: str(file) for label, file in models.items()},
        }
        confined(
            f"run {self.request.run_id}",
            f"{_CONFINED}:rerun_evidence",
            arguments,
            _rerun_limits(policy, models.values()),
        )


def review_request(
    client: "MlflowClient", request: RequestRecord, policy: Policy, folder: Path
) -> PromotionReview:
    """Judge from the per-sample outcomes, whatever the pipeline made of them; ``folder`` gets the evidence.

    Raises DataError, SpecError or StateError where the evidence is not what was measured, or lacks a pool of
    the job; BrokenError where reading it breaks the process.
    """
    evidence = fetch_evidence(client, request.run_id, request.evidence, folder)
    about = {
        "evidence": str(evidence),
        "sha256": request.sha256,
        "policy": policy.text,
        "policy_name": policy.name,
    }
    text = confined(f"run {request.run_id}", f"{_CONFINED}:judge_evidence", about, policy.reading)
    return PromotionReview(request, policy, evidence, _parse_result(ReviewResult, text, request.run_id))


def _parse_result(kind: type[F], text: str, run_id: str) -> F:
    """Read the answer of a process that hostile evidence may have taken over."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise BrokenError(
            f"run {run_id}: the process that reads its evidence answered something else; run it again"
        ) from error


def _rerun_limits(policy: PolicySpec, models: Iterable[Path]) -> Limits:
    """Return limits for running models; memory grows with the size of their files."""
    sizes = sum(model_bytes(model) for model in models)
    wall = policy.recheck_seconds
    return Limits(wall * len(usable_cores()), RUNNING_BYTES + 4 * sizes, wall, file_bytes=RUNNING_BYTES)
