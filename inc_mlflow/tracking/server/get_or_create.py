"""Create a thing on the server once, though answers get lost: MLflow's own retries would create it twice."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from inc_mlflow.tracking.server.waiting import wait_for_server

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from requests import RequestException

_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_PAUSES = (0.5, 1.0, 2.0)
"""Seconds after each attempt but the last."""
_SERVER_ERROR = 500

T = TypeVar("T")


def get_or_create(find: Callable[[], T | None], make: Callable[[], T]) -> T:
    """Return what ``find`` finds, else what ``make`` makes.

    After a lost answer ``find`` is asked again before anything is made again. Raises what ``make`` raises
    where the server refuses, or the last attempt fails.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    for pause in _PAUSES:
        if (found := find()) is not None:
            return found
        try:
            with _without_retries():
                return make()
        except (MlflowException, RequestException) as error:
            if is_refusal(error):
                raise
        wait_for_server(pause)
    if (found := find()) is not None:
        return found
    with _without_retries():
        return make()


def write_once(client: "MlflowClient", run_id: str, key: str, value: str) -> bool:
    """Write a param, which MLflow never overwrites; tell whether it has this value now.

    A lost answer is no error: the param is read back.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.log_param(run_id, key, value)
    except MlflowException as error:
        present = client.get_run(run_id).data.params.get(key)
        if present is None or (error.error_code == "PERMISSION_DENIED" and is_refusal(error)):
            raise
        return bool(present == value)
    return True


def is_refusal(error: "MlflowException | RequestException") -> bool:
    """Tell whether the server answered and refused, so that trying again would change nothing."""
    from requests import RequestException

    if isinstance(error, RequestException):  # of artifacts
        return error.response is not None and error.response.status_code < _SERVER_ERROR
    status: int = error.get_http_status_code()
    return status < _SERVER_ERROR and error.error_code != "RESOURCE_ALREADY_EXISTS"


@contextmanager
def _without_retries() -> Iterator[None]:
    before = os.environ.get(_RETRIES)
    os.environ[_RETRIES] = "0"
    try:
        yield
    finally:
        os.environ.pop(_RETRIES)
        os.environ.update({} if before is None else {_RETRIES: before})
