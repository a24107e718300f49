"""Kubeflow's client with short timeouts, no prints, and errors of one line.

Imported only where a command talks to a server.
"""

import io
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from kfp.client import Client
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials
from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError, MaxRetryError

from inc_mlflow.errors import ClusterError
from inc_mlflow.pipelines.endpoint import Endpoint

FAILURES = (HTTPError, ApiException)
"""Exceptions of Kubeflow's client."""
_ANSWER = (5, 30)  # seconds to connect, and to wait for an answer
_PRESENCE = (3, 5)  # the same to find out whether there is a server; urllib3 tries four times


def is_unclear(error: Exception) -> bool:
    """Return whether a failed request may have worked: the answer was lost, or the object exists (409)."""
    return not isinstance(error, ApiException) or error.status == 409 or (error.status or 0) >= 500


class QuickClient(Client):
    """Kubeflow's client that fails fast: the original retries with pauses and prints tracebacks."""

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """Return the server's state. Raises ClusterError where it is no Kubeflow Pipelines server."""
        state, _, headers = self._healthz_api.healthz_service_get_healthz_with_http_info(
            _request_timeout=_PRESENCE
        )
        if "json" not in headers.get("Content-Type", ""):
            raise ClusterError(f"--host: {self._existing_config.host} answers with a web page; {_NOT_KFP}")
        return state

    def run(self, run_id: str) -> Any:
        """Return a run. The original ``get_run`` waits for an answer without end."""
        return self.runs.run_service_get_run(run_id, _request_timeout=_ANSWER)


_NOT_KFP = (
    "give the URL below which /apis/v2beta1 is, as https://host/pipeline; "
    "if it asks for a login, give --token-file"
)


@contextmanager
def connected_cluster(endpoint: Endpoint) -> Iterator[QuickClient]:
    """Yield a client with a namespace. Raises ClusterError for whatever the server or the network refuses."""
    with _quiet(), refusals(endpoint):
        client = _client(endpoint)
        if client.get_kfp_healthz().multi_user and not client.get_user_namespace():
            raise ClusterError(f"--namespace: {endpoint.host} has several users; name the namespace of yours")
        yield client


@contextmanager
def refusals(endpoint: Endpoint) -> Iterator[None]:
    """Turn exceptions of Kubeflow's client into a ClusterError of one line."""
    try:
        yield
    except ApiException as error:
        raise _refused(endpoint, error) from error
    except HTTPError as error:
        raise ClusterError(
            f"--host: {endpoint.host} cannot be reached ({failure_text(error)}); check URL and network"
        ) from error
    except OSError as error:
        if error.filename is None:
            raise
        raise ClusterError(
            f"{error.filename}: cannot be used ({error.strerror}); Kubeflow's client needs it"
        ) from error


def _client(endpoint: Endpoint) -> QuickClient:
    credentials = ServiceAccountTokenVolumeCredentials(str(endpoint.token)) if endpoint.token else None
    return QuickClient(endpoint.host, namespace=endpoint.namespace or "kubeflow", credentials=credentials)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what kfp prints and warns of."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This client only works with", category=FutureWarning)
        yield


def _refused(endpoint: Endpoint, error: ApiException) -> ClusterError:
    where, said = f"--host: {endpoint.host}", failure_text(error)
    if error.status in {401, 403}:
        return ClusterError(
            f"{where} refuses the token ({said}); renew it, or ask for access; see --token-file"
        )
    if error.status == 404 and said == "404":
        return ClusterError(f"{where} is no Kubeflow server (404); {_NOT_KFP}")
    if error.status is not None and error.status >= 500:
        return ClusterError(f"{where} failed ({said}); try again, or ask who runs it")
    return ClusterError(f"{where} refuses ({said}); mend that and try again")


def _message(body: str | None) -> str:
    """Return the message in a server's answer; empty where the answer is a web page."""
    try:
        answer = json.loads(body or "")
    except json.JSONDecodeError:
        return ""
    message = (answer.get("message") or answer.get("error")) if isinstance(answer, dict) else None
    return f": {' '.join(str(message).split())[:300]}" if message else ""


def failure_text(error: HTTPError | ApiException) -> str:
    """Return an exception's text without Python objects and web pages."""
    if isinstance(error, ApiException):
        return f"{error.status}{_message(error.body)}"
    cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
    return re.sub(r"^\w+\(.*?\): ", "", " ".join(str(cause).split()))
