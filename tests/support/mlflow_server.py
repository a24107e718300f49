"""MLflow's server as people run it: with or without users, on the stores that it is given."""

import base64
import json
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.at_start_of_programs import at_start
from tests.support.programs import Program, free_port, listens

_CONFIG = """
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = admin
auth_cache_ttl_seconds = 60
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""
_ABOUT_US = ("MLFLOW_", "INC_MLFLOW_", "AWS_")


class MlflowServer(Program):
    """A server, its web address, and who may use it."""

    def __init__(
        self,
        folder: Path,
        backend_uri: str,
        artifacts: str,
        users: bool,
        workers: int,
        more: Mapping[str, str],
    ) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
        options += ["--backend-store-uri", backend_uri, "--artifacts-destination", artifacts]
        options += ["--app-name", "basic-auth"] if users else []
        plain = {name: value for name, value in os.environ.items() if not name.startswith(_ABOUT_US)}
        environment = plain | at_start() | _environment(folder) | dict(more)
        command = [sys.executable, "-m", "mlflow", "server", *options]
        super().__init__(command, folder / "server.log", lambda: listens(port), environment)

    def identity(self, user: str | None = None) -> dict[str, str]:
        """Return the variables with which MLflow's client comes here as this user, or as nobody."""
        login = (
            {}
            if user is None
            else {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password(user)}
        )
        return {"MLFLOW_TRACKING_URI": self.url, "MLFLOW_DISABLE_TELEMETRY": "true"} | login

    def administer(self, path: str, by: str = "admin", **fields: str) -> None:
        """Call what MLflow's client has no method for."""
        login = base64.b64encode(f"{by}:{password(by)}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.url}/api/{path}", json.dumps(fields).encode(), headers)
        urllib.request.urlopen(asked, timeout=30).close()

    def grant(self, user: str, permission: str, kind: str, name: str, by: str = "admin") -> None:
        """Give a user a right on one experiment or registered model, as its owner may."""
        what = {"resource_type": kind, "resource_id": name, "permission": permission}
        self.administer("3.0/mlflow/users/permissions/grant", by, username=user, **what)


@contextmanager
def mlflow_server(
    folder: Path,
    *,
    backend_uri: str | None = None,
    artifacts: str | None = None,
    users: Sequence[str] = (),
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Iterator[MlflowServer]:
    """Give a running server that keeps what nobody else keeps in ``folder``.

    With ``users`` it asks who is there.
    """
    backend, store = backend_uri or f"sqlite:///{folder}/mlflow.db", artifacts or str(folder / "artifacts")
    (folder / "auth.ini").write_text(_CONFIG.format(folder=folder))
    server = MlflowServer(folder, backend, store, bool(users), workers, environment or {})
    server.start()
    try:
        for user in users:
            server.administer("2.0/mlflow/users/create", username=user, password=password(user))
        yield server
    finally:
        server.stop()


def password(user: str) -> str:
    return f"{user} password of tests"


def _environment(folder: Path) -> dict[str, str]:
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": password("admin"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of these tests",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
