"""A person's word on a request: a write-once param of a run that approvers may write to, and pipelines may not."""

from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from inc_mlflow.errors import LedgerError, TrackingError
from inc_mlflow.records.base import Frozen, Line
from inc_mlflow.tracking.registry.claims import put_once
from inc_mlflow.tracking.registry.ledger import find_model
from inc_mlflow.tracking.runs.own_runs import own_run
from inc_mlflow.tracking.server.identity import acting_user

if TYPE_CHECKING:
    from mlflow import MlflowClient

APPROVALS = "inc.approvals"
"""Tag of the registered model: the run that holds the approvals."""
_NOTE = "What persons decided on requests for promotion. Approvers need EDIT on this experiment; pipelines must not have it."
Word = Literal["approved", "refused"]


class Approval(Frozen):
    """What a person decided."""

    word: Word
    who: Line
    reason: Line


def ask_approval(client: "MlflowClient", name: str) -> str:
    """Return the experiment where approvers write, made by the gate when it first needs one."""
    if (run_id := _run(client, name)) is not None:
        return str(client.get_run(run_id).info.experiment_id)
    experiment_id, run_id = own_run(client, name, "approvals", _NOTE)
    client.set_registered_model_tag(name, APPROVALS, run_id)
    return experiment_id


def approval_of(client: "MlflowClient", name: str, request: str) -> Approval | None:
    """Return what was decided on a request, by its digest; None where nobody has."""
    run_id = _run(client, name)
    text = client.get_run(run_id).data.params.get(_key(request)) if run_id else None
    try:
        return None if text is None else Approval.model_validate_json(text)
    except ValidationError as error:
        raise LedgerError(
            f"registered model {name!r}: {_key(request)} of run {run_id} is no approval; it was altered"
        ) from error


def decide_approval(client: "MlflowClient", name: str, request: str, word: Word, reason: str) -> Approval:
    """Write a person's word; TrackingError where the gate did not ask for one, or somebody was first."""
    if (run_id := _run(client, name)) is None:
        raise TrackingError(
            f"registered model {name!r}: nothing waits for approval; let the gate look at the request first"
        )
    approval = Approval(word=word, who=acting_user(client), reason=" ".join(reason.split()))
    if not put_once(client, run_id, _key(request), approval.model_dump_json()):
        given = approval_of(client, name, request)
        raise TrackingError(f"request {request[:12]}: was {given.word if given else 'decided'} already by "
                            f"{given.who if given else 'somebody'}; that is final")  # fmt: skip
    return approval


def _run(client: "MlflowClient", name: str) -> str | None:
    model = find_model(client, name)
    return model.tags.get(APPROVALS) if model else None


def _key(request: str) -> str:
    return f"request.{request}"
