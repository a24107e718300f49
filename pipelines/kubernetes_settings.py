"""What Kubernetes and KFP give a container task beside its inputs: its pool, a name, retries, caching, credentials."""

from dataclasses import dataclass

from kfp import dsl, kubernetes

from inc_mlflow.pipelines.bundle import pinned
from inc_mlflow.pipelines.placement import place
from inc_mlflow.spec import JobSpec, PoolSpec
from inc_mlflow.tracking.plugins.step_context import POD_FACTS

SETTINGS, STORAGE, TRACKING = "inc-mlflow", "inc-mlflow-s3", "inc-mlflow-tracking"
"""Names of the config map with addresses, and of the secrets with credentials; all may be absent."""
_ADDRESSES = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION", "MLFLOW_S3_ENDPOINT_URL")
_STORAGE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TRACKING_KEYS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_SCRATCH = "/tmp"  # noqa: S108 - the pod's own, and all that a step writes beside its outputs
USER = 10001
"""Numeric, as ``runAsNonRoot`` needs it; the images have the same."""


@dataclass(frozen=True)
class Manner:
    """How a step behaves."""

    label: str
    pure: bool = False
    """The same inputs give the same result, whatever the hardware and whoever answers: KFP may take it from
    its cache."""
    asks: bool = False
    """It talks to MLflow: it gets the credentials, and a retry may cure what a server refused."""
    alone: bool = False
    """Nothing else may run on its node."""


MANNERS = {
    "benchmark": Manner("benchmark", alone=True),
    "calibrate": Manner("calibrate", pure=True),
    "calibrate_shard": Manner("calibrate shard", pure=True),
    "evaluate": Manner("evaluate"),
    "evaluate_shard": Manner("evaluate shard"),
    "fetch_champion": Manner("fetch champion", asks=True),
    "finish": Manner("close runs", asks=True),
    "gate": Manner("gate", pure=True),
    "import_model": Manner("import", pure=True),
    "merge_candidates": Manner("merge candidates", pure=True),
    "merge_evaluations": Manner("merge evaluations", pure=True),
    "merge_ranges": Manner("merge ranges", pure=True),
    "promote": Manner("promote", asks=True),
    "quantize": Manner("quantize", pure=True),
    "request": Manner("request promotion", asks=True),
    "track": Manner("track", asks=True),
}


def dress(task: dsl.PipelineTask, step: str, pool: str, spec: JobSpec) -> dsl.PipelineTask:
    """Give a task everything that only a cluster has a use for."""
    manner, hardware = MANNERS[step], spec.placement.get(pool, PoolSpec())
    task.set_display_name(f"{pool} · {manner.label}" if pool in spec.real_pools else manner.label)
    task.set_caching_options(enable_caching=manner.pure and _repeatable(step, spec))
    if manner.asks:
        task.set_retry(num_retries=3, backoff_duration="30s", backoff_factor=2, backoff_max_duration="10m")
    place(task, pool, hardware, alone=manner.alone)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_non_root=True)
    kubernetes.empty_dir_mount(task, volume_name="tmp", mount_path=_SCRATCH)
    _connect(task, manner)
    return task


def _repeatable(step: str, spec: JobSpec) -> bool:
    """Tell whether all that a pure step reads is named by content.

    A search times models, so it is never repeated.
    """
    return pinned(spec) and not (step == "quantize" and spec.recipes == "auto")


def _connect(task: dsl.PipelineTask, manner: Manner) -> None:
    """Hand over addresses and credentials by the names of a config map and of secrets.

    None of them stands in the package.
    """
    kubernetes.use_config_map_as_env(task, SETTINGS, {key: key for key in _ADDRESSES}, optional=True)
    kubernetes.use_secret_as_env(task, STORAGE, {key: key for key in _STORAGE_KEYS}, optional=True)
    if manner.asks:
        kubernetes.use_secret_as_env(task, TRACKING, {key: key for key in _TRACKING_KEYS}, optional=True)
        for variable, field in POD_FACTS.values():
            kubernetes.use_field_path_as_env(task, env_name=variable, field_path=field)
