"""Which user this process is to the MLflow server, and what that user may do."""

import getpass
import os
from typing import TYPE_CHECKING, Any

from inc_mlflow.records import RequestRecord
from inc_mlflow.tracking.registry.ledger import find_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

_USER = "/api/2.0/mlflow/users/current"
_PERMISSION = "/api/3.0/mlflow/users/permissions/get"
_NOT_FOUND = 404
_READERS = {"NO_PERMISSIONS", "READ", "USE"}


def current_user(client: "MlflowClient") -> str | None:
    """Return the user that this process is logged in as; None where the server has no users, or is a file.

    Raises MlflowException where the server refuses the login.
    """
    if not str(client.tracking_uri).startswith(("http://", "https://")):
        return None
    answer = _ask(client, _USER)
    return None if answer is None else str(answer["user"]["username"])


def permission(client: "MlflowClient", user: str, resource: str, name: str) -> str | None:
    """Return what the server lets ``user`` do with a resource, as READ or MANAGE.

    The name ``*`` asks for the default of all users. None where the server cannot tell. Raises
    MlflowException where ``user`` is another one and this process no administrator.
    """
    answer = _ask(client, _PERMISSION, username=user, resource_type=resource, resource_id=name)
    return None if answer is None else str(answer["permission"])


def find_other_writers(client: "MlflowClient", request: RequestRecord) -> str | None:
    """Say who else may write to the registry, as far as the server tells this user; None if it names nobody.

    The server tells nothing about other users, so what an administrator granted one of them stays unseen.
    """
    import mlflow

    user = current_user(client)
    if user is None:
        return "the server has no users: whoever reaches it may write"
    if mlflow.get_registry_uri() != client.tracking_uri:
        return "the registry is another server, which was not asked who may write"
    if request.requested_by in {None, user}:
        return f"{user} requests and promotes, one identity does both"
    if permission(client, user, "registered_model", "*") not in _READERS:
        return "users may write by default"
    name = request.registered_model
    if find_model(client, name) and permission(client, user, "registered_model", name) != "MANAGE":
        return f"{user} does not own registered model {name!r}"
    experiment = client.get_run(request.run_id).info.experiment_id
    if permission(client, user, "experiment", experiment) == "MANAGE":
        return f"{user} owns the experiment too, so the pipeline may have been run as {user}"
    return None


def _ask(client: "MlflowClient", endpoint: str, **params: str) -> dict[str, Any] | None:
    """Call an endpoint that MLflow's client has no method for; None where the server has no such endpoint."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request, verify_rest_response

    login = get_default_host_creds(client.tracking_uri)  # type: ignore[no-untyped-call]
    response = http_request(login, endpoint, "GET", params=params)  # type: ignore[no-untyped-call]
    if response.status_code == _NOT_FOUND:
        return None
    answer: dict[str, Any] = verify_rest_response(response, endpoint).json()
    return answer


def acting_user(client: "MlflowClient") -> str:
    """Return who does what this process does: the server's user, else this machine's, marked unchecked."""
    name = current_user(client)
    if name is not None:
        return name
    try:
        return f"{getpass.getuser()} (unchecked)"
    except (KeyError, OSError):  # a container's user without a name
        return f"user {os.getuid()} (unchecked)"
