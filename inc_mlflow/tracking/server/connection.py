"""Connect to MLflow: which stores a job or command uses, and whether they answer."""

import http.client
import logging
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from inc_mlflow.errors import TrackingError, UnreachableError
from inc_mlflow.files import FULL
from inc_mlflow.spec import Job
from inc_mlflow.tracking.server.create_store import create_store
from inc_mlflow.tracking.server.loading import import_without_gc
from inc_mlflow.tracking.server.refusals import explain_refusal
from inc_mlflow.tracking.server.schema import check_database, check_file
from inc_mlflow.tracking.server.waiting import bounded_waits

if TYPE_CHECKING:
    from mlflow import MlflowClient

STATE_FOLDER = ".inc-mlflow"
"""Beside the job file: the default store, and one folder per job content."""
_PATIENCE = 5.0  # seconds until a server that does not answer counts as down
_DATABASES = ("postgresql", "mysql", "mssql")
_SERVER_ERROR = 500  # and above: a proxy says that nobody is behind it
_DEFAULTS = {
    # MLflow's own default waits about four minutes for one call to a dead server.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@dataclass(frozen=True)
class Stores:
    """Addresses of the stores of runs and of registered versions."""

    tracking_uri: str
    registry_uri: str

    def __post_init__(self) -> None:
        """Raise TrackingError where an address is no URL or holds a password, since addresses get logged."""
        for uri in (self.tracking_uri, self.registry_uri):
            if uri.startswith(("http://", "https://")):
                _check_address(uri)

    @classmethod
    def of_environment(cls) -> "Stores":
        """Return the stores of a command without a job: the environment's, else this folder's.

        Raises TrackingError where there is neither.
        """
        local = Path(STATE_FOLDER, "mlflow.db").resolve()
        uri = os.environ.get("MLFLOW_TRACKING_URI") or (f"sqlite:///{local}" if local.exists() else None)
        if not uri:
            raise TrackingError("MLflow: no server is named; give --tracking-uri, or set MLFLOW_TRACKING_URI")
        return Stores(uri, os.environ.get("MLFLOW_REGISTRY_URI") or uri)


@dataclass(frozen=True)
class Server(Stores):
    """A job's names and addresses: from the environment, then the job, then a SQLite file beside the job."""

    experiment: str
    registered_model: str

    @classmethod
    def of(cls, job: Job) -> "Server":
        """Resolve a job's server; command-line options arrive as the same environment variables."""
        spec = job.spec.tracking
        uri = (
            os.environ.get("MLFLOW_TRACKING_URI")
            or spec.uri
            or f"sqlite:///{job.root / STATE_FOLDER / 'mlflow.db'}"
        )
        return cls(
            tracking_uri=uri,
            registry_uri=os.environ.get("MLFLOW_REGISTRY_URI") or spec.registry_uri or uri,
            experiment=os.environ.get("MLFLOW_EXPERIMENT_NAME") or spec.experiment or job.spec.name,
            registered_model=spec.registered_model or job.spec.name,
        )

    @property
    def address(self) -> str:
        """Addresses and names in one text, to tell servers apart."""
        return " ".join([self.tracking_uri, self.registry_uri, self.experiment, self.registered_model])

    @property
    def artifacts(self) -> str | None:
        """Where a new experiment keeps its files: beside a SQLite file, else where the server says."""
        path = _sqlite(self.tracking_uri)
        return (path.parent.resolve() / "artifacts").as_uri() if path else None

    def ui(self) -> str:
        """Return where the web page of this server is."""
        return (
            self.tracking_uri.rstrip("/") if self.tracking_uri.startswith("http") else "http://127.0.0.1:5000"
        )


def check_reachable(server: Stores) -> None:
    """Raise UnreachableError where a server does not answer within seconds.

    Raises TrackingError where a database's driver or a store's folder is missing.
    """
    for uri in {server.tracking_uri, server.registry_uri}:
        if uri.startswith(("http://", "https://")):
            _check_answers(uri)
        elif path := _sqlite(uri):
            _make_folder(path.parent)
        elif uri.startswith(_DATABASES):
            _check_driver(uri)


@contextmanager
def connected(server: Stores, must_exist: bool = False) -> Iterator["MlflowClient"]:
    """Give a client of these stores.

    Raises TrackingError, in one line, for whatever the server refuses, and UnreachableError where it is down.

    A store in a file is created where there is none, but with ``must_exist`` that is an error: a command that
    only reads leaves no trace. A store of another version of MLflow is refused and stays as it is.
    """
    if must_exist:
        _check_files(server, must_exist)
    check_reachable(server)
    _load_mlflow(server)
    import mlflow

    with _errors_explained(server):
        _prepare(server, must_exist)
        yield mlflow.MlflowClient(server.tracking_uri, server.registry_uri)


def _load_mlflow(server: Stores) -> None:
    """Import MLflow, and let it talk to these stores."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    import_without_gc("mlflow")
    if not server.tracking_uri.startswith("http"):
        import_without_gc("mlflow.store.tracking.sqlalchemy_store")
    import mlflow

    logging.getLogger("mlflow.store.db.utils").addFilter(_is_no_error)
    mlflow.set_tracking_uri(server.tracking_uri)
    mlflow.set_registry_uri(server.registry_uri)


def _prepare(server: Stores, must_exist: bool) -> None:
    """Create the stores that are missing files; TrackingError where one is of another MLflow."""
    _check_files(server, must_exist)
    for uri in {server.tracking_uri, server.registry_uri}:
        if (path := _sqlite(uri)) is not None:
            create_store(path)
        elif uri.startswith(_DATABASES):
            check_database(uri, _without_credentials(uri), must_exist)


@contextmanager
def _errors_explained(server: Stores) -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from requests import RequestException  # MLflow lets those through that are about artifacts
    from sqlalchemy.exc import SQLAlchemyError

    where = f"MLflow at {_without_credentials(server.tracking_uri)}"
    with bounded_waits() as waits:
        try:
            yield
        except (MlflowException, RequestException, SQLAlchemyError) as error:
            check_reachable(server)
            raise TrackingError(
                f"{where}: {_without_credentials(explain_refusal(error, server.tracking_uri, waits.text()))}"
            ) from error
        except OSError as error:  # of artifacts in a folder
            if error.errno not in FULL:
                raise
            file = f"{error.filename}: " if error.filename else ""
            raise TrackingError(
                f"{where}: {file}the disk is full; free some space and run the same command again"
            ) from error


def _check_files(server: Stores, must_exist: bool) -> None:
    for uri in {server.tracking_uri, server.registry_uri}:
        if (path := _sqlite(uri)) is not None:
            check_file(path, uri, must_exist)


def _is_no_error(said: logging.LogRecord) -> bool:
    """Filter out MLflow's log of database errors, with SQL and traceback: whoever catches them says more."""
    return said.exc_info is None


def _check_address(uri: str) -> None:
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises ValueError where it is no number
    except ValueError as error:
        raise TrackingError(
            f"MLflow at {_without_credentials(uri)}: no URL ({error}); write it as https://host:port"
        ) from error
    if "@" in parts.netloc:
        raise TrackingError(
            f"MLflow at {_without_credentials(uri)}: no user or password in the address; "
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )


def _without_credentials(text: str) -> str:
    """Return a text without the users and passwords in its addresses, which databases need."""
    return re.sub(r"://[^/\s@]*(:[^\s]*)?@", "://…@", text)


def _check_answers(uri: str) -> None:
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_PATIENCE).close()  # noqa: S310 - callers check the scheme
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code < _SERVER_ERROR:
            return  # it answers; what it refuses is told by the call that is refused
        reason = getattr(error, "reason", error)
        raise UnreachableError(
            f"MLflow at {uri}: cannot be reached ({reason}); start it or set MLFLOW_TRACKING_URI"
        ) from error


def _check_driver(uri: str) -> None:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(uri).get_dialect().import_dbapi()
    except (ImportError, ArgumentError, ValueError) as error:
        raise TrackingError(
            f"MLflow at {_without_credentials(uri)}: no database to be reached ({error}); install its driver"
        ) from error


def _sqlite(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrackingError(
            f"MLflow: no folder {folder} for the store ({error.strerror}); set MLFLOW_TRACKING_URI"
        ) from error
