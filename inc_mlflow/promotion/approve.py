"""approve, reject: a person's answer to a request that waits for approval."""

import tempfile
from pathlib import Path

from inc_mlflow.errors import TrackingError
from inc_mlflow.tracking.requests.approvals import Approval, ApprovalOutcome, write_approval
from inc_mlflow.tracking.requests.requests import read_request
from inc_mlflow.tracking.server.connection import Stores, connected
from inc_mlflow.tracking.server.identity import acting_user


def answer_approval(stores: Stores, run_id: str, outcome: ApprovalOutcome, reason: str) -> Approval:
    """Write the present user's answer, for the gate to read.

    Raises TrackingError where the same user requested it, or the request is answered already. That they are
    two users is enforced only where the server has user accounts.
    """
    with tempfile.TemporaryDirectory() as folder, connected(stores) as client:
        request = read_request(client, run_id, Path(folder))
        if acting_user(client) == request.requested_by:
            raise TrackingError(
                f"run {run_id}: {request.requested_by} requested it; another user has to decide"
            )
        return write_approval(client, request.registered_model, request.identity(), outcome, reason)
