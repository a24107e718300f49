"""The launcher of a cluster: a Kubeflow TrainJob, which is removed however this process ends."""

import time
import uuid
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from inc_mlflow.errors import ClusterError, KilledError, MissingExtraError, reason
from inc_mlflow.training.launch.launcher import Ended, Program
from inc_mlflow.training.launch.pods import RUNTIME, Pods, options, trainer

if TYPE_CHECKING:
    from kubeflow.trainer import TrainerClient

T = TypeVar("T")
_COMPLETE, _FAILED = "Complete", "Failed"
_PAUSE, _LATE = 5.0, 120.0
"""Seconds between two looks at a job, and those behind its deadline in which the cluster ends it."""
_LOST = 12
"""Looks that may fail one after the other: the API server may be back soon."""
_STORY = 20_000
"""Characters of the first pod's log that are kept."""


class LaunchTrainJob:
    """Runs the processes in pods of a namespace."""

    def __init__(self, pods: Pods, namespace: str) -> None:
        self._pods, self._namespace = pods, namespace

    def run(self, program: Program, processes: int) -> Ended:
        """Make the job, wait for its end and remove it; see ``Launcher``.

        Raises ClusterError where the cluster refuses it or does not answer, KilledError behind the deadline.
        """
        client, name = _client(self._namespace), f"train-{uuid.uuid4().hex[:12]}"
        made = options(name, self._pods, program, processes)
        try:
            _asked(
                f"the TrainJob {name} cannot be made in {self._namespace}",
                lambda: client.train(runtime=RUNTIME, trainer=trainer(self._pods), options=made),
            )
            status = self._end(client, name)
            return Ended(status == _COMPLETE, story=_story(client, name))
        finally:
            with suppress(RuntimeError, TimeoutError):  # there may be none; else its deadline ends it
                client.delete_job(name)

    def _end(self, client: "TrainerClient", name: str) -> str:
        """Return the status with which a job ended."""
        late, lost = time.monotonic() + self._pods.deadline + _LATE, 0
        while time.monotonic() < late:
            try:
                status = str(client.get_job(name).status)
                lost = 0
            except (RuntimeError, TimeoutError) as error:
                lost += 1
                if lost > _LOST:
                    raise ClusterError(
                        f"train: the TrainJob {name} is out of sight: {_cause(error)}; run again"
                    ) from error
                status = ""
            if status in (_COMPLETE, _FAILED):
                return status
            time.sleep(_PAUSE)
        raise KilledError(
            f"train: the TrainJob {name} did not end within {self._pods.deadline} s; see why its pods do not "
            "run, or raise training.deadline"
        )


def _client(namespace: str) -> "TrainerClient":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's, about how it uses pydantic
        try:
            from kubeflow.trainer import KubernetesBackendConfig, TrainerClient
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "train: a TrainJob needs Kubeflow's SDK: pip install 'inc-mlflow[trainer]'"
            ) from error

    return _asked(
        "the cluster cannot be reached",
        lambda: TrainerClient(backend_config=KubernetesBackendConfig(namespace=namespace)),
    )


def _asked(what: str, ask: Callable[[], T]) -> T:
    """Ask the cluster; raise ClusterError where it refuses."""
    from kubernetes.config import ConfigException

    try:
        return ask()
    except (RuntimeError, TimeoutError, ConfigException) as error:
        raise ClusterError(
            f"train: {what}: {_cause(error)}; see docs/training-jobs.md for what the cluster needs"
        ) from error


def _cause(error: BaseException) -> str:
    """Return what the API server said: the SDK wraps it."""
    return reason(error if error.__cause__ is None else error.__cause__)


def _story(client: "TrainerClient", name: str) -> str:
    """Return the end of the first pod's log; a pod that never ran has none."""
    try:
        return "\n".join(client.get_job_logs(name))[-_STORY:]
    except (RuntimeError, TimeoutError) as error:
        return f"its log cannot be read: {_cause(error)}"
