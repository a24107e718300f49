"""Approvals: write-once params of a run that approvers may write to, and pipelines may not."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, ValidationError

from inc_mlflow.errors import LedgerError, TrackingError
from inc_mlflow.records.base import Frozen, Line
from inc_mlflow.tracking.registry.ledger import find_model
from inc_mlflow.tracking.runs.gate_runs import create_gate_run
from inc_mlflow.tracking.server.get_or_create import write_once
from inc_mlflow.tracking.server.identity import acting_user

if TYPE_CHECKING:
    from mlflow import MlflowClient

APPROVALS = "inc.approvals"
"""Tag of the registered model: the run that holds the approvals."""
_NOTE = (
    "What persons decided on requests for promotion. "
    "Approvers need EDIT on this experiment; pipelines must not have it."
)
ApprovalOutcome = Literal["approved", "rejected"]


def _current_name(outcome: object) -> object:
    """Read what earlier versions wrote for ``rejected``."""
    return "rejected" if outcome == "refused" else outcome


class Approval(Frozen):
    """What a person decided."""

    word: Annotated[ApprovalOutcome, BeforeValidator(_current_name)]
    who: Line
    reason: Line


def ensure_approvals(client: "MlflowClient", name: str) -> str:
    """Return the id of the experiment where approvers write; the gate creates it when it first needs one."""
    if (run_id := _approvals_run(client, name)) is not None:
        return str(client.get_run(run_id).info.experiment_id)
    experiment_id, run_id = create_gate_run(client, name, "approvals", _NOTE)
    client.set_registered_model_tag(name, APPROVALS, run_id)
    return experiment_id


def read_approval(client: "MlflowClient", name: str, request: str) -> Approval | None:
    """Return the approval of a request, which is given by its digest; None where nobody answered it.

    Raises LedgerError where it was altered.
    """
    run_id = _approvals_run(client, name)
    text = client.get_run(run_id).data.params.get(_key(request)) if run_id else None
    try:
        return None if text is None else Approval.model_validate_json(text)
    except ValidationError as error:
        raise LedgerError(
            f"registered model {name!r}: {_key(request)} of run {run_id} is no approval; it was altered"
        ) from error


def write_approval(
    client: "MlflowClient", name: str, request: str, outcome: ApprovalOutcome, reason: str
) -> Approval:
    """Write a person's answer; TrackingError where the gate did not ask for one, or somebody answered it."""
    if (run_id := _approvals_run(client, name)) is None:
        raise TrackingError(
            f"registered model {name!r}: nothing waits for approval; let the gate look at the request first"
        )
    approval = Approval(word=outcome, who=acting_user(client), reason=" ".join(reason.split()))
    if not write_once(client, run_id, _key(request), approval.model_dump_json()):
        given = read_approval(client, name, request)
        raise TrackingError(
            f"request {request[:12]}: was {given.word if given else 'decided'} already by "
            f"{given.who if given else 'somebody'}; that is final"
        )
    return approval


def _approvals_run(client: "MlflowClient", name: str) -> str | None:
    model = find_model(client, name)
    return model.tags.get(APPROVALS) if model else None


def _key(request: str) -> str:
    return f"request.{request}"
