"""approve, refuse: a person's word on a request that waits for one."""

import tempfile
from pathlib import Path

from inc_mlflow.errors import TrackingError
from inc_mlflow.tracking.requests.approvals import Approval, Word, decide_approval
from inc_mlflow.tracking.requests.requests import read_request
from inc_mlflow.tracking.server.connection import Stores, connected
from inc_mlflow.tracking.server.identity import acting_user


def decide_request(stores: Stores, run_id: str, word: Word, reason: str) -> Approval:
    """Write the word of the present user, for the gate to read.

    TrackingError where the same user requested it.

    The server lets only those write who may: that this user is another one is enforced where it has users,
    and nowhere else.
    """
    with tempfile.TemporaryDirectory() as folder, connected(stores) as client:
        request = read_request(client, run_id, Path(folder))
        if acting_user(client) == request.requested_by:
            raise TrackingError(
                f"run {run_id}: {request.requested_by} requested it; another user has to decide"
            )
        return decide_approval(client, request.registered_model, request.identity(), word, reason)
