"""Servers that tests share, each started when the first test asks for it.

Stores start once per process of tests; MLflow with users once per file, so that its tests find no rights and
no models that another file's tests have left.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.support.mlflow_server import MlflowServer, mlflow_server
from tests.support.postgres import Postgres, postgres
from tests.support.s3 import S3
from tests.support.s3 import s3 as served

USERS = ("pipeline", "gate", "approver")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with served(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty bucket, in an environment that reaches it."""
    for name, value in s3_server.variables().items():
        monkeypatch.setenv(name, value)
    return s3_server.bucket()


@pytest.fixture(scope="module")
def users_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """MLflow on SQLite and local files, with USERS."""
    pytest.importorskip("flask_wtf", reason="MLflow's user accounts need flask-wtf")
    with mlflow_server(tmp_path_factory.mktemp("mlflow"), users=USERS) as server:
        yield server


@pytest.fixture(scope="session")
def full_server(
    postgres_server: Postgres, s3_server: S3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """MLflow on PostgreSQL and S3, with USERS and as many workers as a small installation has."""
    pytest.importorskip("flask_wtf", reason="MLflow's user accounts need flask-wtf")
    stores = {"backend_uri": postgres_server.create("mlflow"), "artifacts": f"{s3_server.bucket()}/mlflow"}
    folder, environment = tmp_path_factory.mktemp("mlflow"), s3_server.variables()
    with mlflow_server(folder, users=USERS, workers=2, environment=environment, **stores) as server:
        yield server


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Callable[[MlflowServer, str | None], None]:
    """Give a function after which this process and its children are a user of a server."""

    def inner(server: MlflowServer, user: str | None) -> None:
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
        monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
        for name, value in server.identity(user).items():
            monkeypatch.setenv(name, value)

    return inner
