"""Address and credentials of a Kubeflow server: from options, then the environment, then the pod."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inc_mlflow.errors import ClusterError

_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
"""Where a pod has its token for Kubeflow Pipelines."""
_IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"


@dataclass(frozen=True)
class Endpoint:
    """A server, its web page, the user's namespace, and the file of a token, read for every request."""

    host: str
    page: str
    namespace: str | None
    token: Path | None

    @classmethod
    def of(cls, host: str | None, namespace: str | None, token: Path | None) -> Self:
        """Resolve the options of a command. Raises ClusterError where there is no server or no such token."""
        given = host or os.environ.get("KF_PIPELINES_ENDPOINT") or (_IN_CLUSTER if _in_pod() else None)
        if given is None:
            raise ClusterError("--host: no Kubeflow server; give its URL, or set KF_PIPELINES_ENDPOINT")
        address = _with_scheme(given)
        page = os.environ.get("KF_PIPELINES_UI_ENDPOINT")
        return cls(address, _with_scheme(page) if page else address, namespace, _token(token))

    @staticmethod
    def experiment(given: str | None, job: str) -> str:
        """Return the name of the experiment to use."""
        return given or os.environ.get("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME") or job

    def run_url(self, run: str) -> str:
        """Return the page of a run."""
        return f"{self.page}/#/runs/details/{run}"


def _in_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ


def _with_scheme(host: str) -> str:
    if "@" in host.partition("://")[2].partition("/")[0]:
        raise ClusterError("--host: no user or password in a URL; give a token with --token-file")
    return (host if host.startswith(("http://", "https://")) else f"https://{host}").rstrip("/")


def _token(given: Path | None) -> Path | None:
    named = given or os.environ.get("KF_PIPELINES_SA_TOKEN_PATH")
    if named is None:
        return _TOKEN if _TOKEN.is_file() else None
    try:
        if Path(named).read_text().strip():
            return Path(named)
    except OSError as error:
        raise ClusterError(
            f"--token-file: {named} cannot be read ({error.strerror}); write the token there"
        ) from error
    except UnicodeDecodeError as error:
        raise ClusterError(f"--token-file: {named} is no text; write the token there") from error
    raise ClusterError(f"--token-file: {named} is empty; write the token there")
