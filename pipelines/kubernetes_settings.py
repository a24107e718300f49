"""Settings of container tasks on Kubernetes: pool, name, retries, caching, credentials."""

from dataclasses import dataclass

from kfp import dsl, kubernetes

from inc_mlflow.pipelines.bundle import is_pinned
from inc_mlflow.pipelines.placement import place
from inc_mlflow.spec import JobSpec, PoolSpec
from inc_mlflow.tracking.plugins.step_context import POD_FACTS
from inc_mlflow.training.launch.pods import ACCOUNT, IMAGE

SETTINGS, STORAGE, TRACKING = "inc-mlflow", "inc-mlflow-s3", "inc-mlflow-tracking"
"""Names of the config map with addresses, and of the secrets with credentials; all may be absent."""
_ADDRESSES = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION", "MLFLOW_S3_ENDPOINT_URL")
_STORAGE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TRACKING_KEYS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_SCRATCH = "/tmp"  # noqa: S108 - the pod's own, and all that a step writes beside its outputs
USER = 10001
"""Numeric, as ``runAsNonRoot`` needs it; the images have the same."""


@dataclass(frozen=True)
class TaskProfile:
    """What the cluster has to know of a step."""

    label: str
    pure: bool = False
    """The same inputs give the same result, a training on one kind of CPU: KFP may take it from its cache."""
    uses_mlflow: bool = False
    """The task gets MLflow's credentials, and is retried: the server may be back then."""
    alone: bool = False
    """Nothing else may run on its node."""


TASK_PROFILES = {
    "benchmark": TaskProfile("benchmark", alone=True),
    "calibrate": TaskProfile("calibrate", pure=True),
    "calibrate_shard": TaskProfile("calibrate shard", pure=True),
    "evaluate": TaskProfile("evaluate"),
    "evaluate_shard": TaskProfile("evaluate shard"),
    "fetch_champion": TaskProfile("fetch champion", uses_mlflow=True),
    "finish": TaskProfile("close runs", uses_mlflow=True),
    "gate": TaskProfile("gate", pure=True),
    "import_model": TaskProfile("import", pure=True),
    "merge_candidates": TaskProfile("merge candidates", pure=True),
    "merge_evaluations": TaskProfile("merge evaluations", pure=True),
    "merge_ranges": TaskProfile("merge ranges", pure=True),
    "promote": TaskProfile("promote", uses_mlflow=True),
    "quantize": TaskProfile("quantize", pure=True),
    "request": TaskProfile("request promotion", uses_mlflow=True),
    "track": TaskProfile("track", uses_mlflow=True),
    "train": TaskProfile("train", pure=True),
}


def apply_settings(task: dsl.PipelineTask, step: str, pool: str, spec: JobSpec) -> dsl.PipelineTask:
    """Apply all settings that only a cluster uses to a task, and return it."""
    profile, hardware = TASK_PROFILES[step], spec.placement.get(pool, PoolSpec())
    task.set_display_name(f"{pool} · {profile.label}" if pool in spec.real_pools else profile.label)
    task.set_caching_options(enable_caching=profile.pure and _repeatable(step, spec))
    if profile.uses_mlflow or _trains(step, spec):
        task.set_retry(num_retries=3, backoff_duration="30s", backoff_factor=2, backoff_max_duration="10m")
    place(task, pool, hardware, alone=profile.alone)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_non_root=True)
    kubernetes.empty_dir_mount(task, volume_name="tmp", mount_path=_SCRATCH)
    _connect(task, profile)
    return task


def _trains(step: str, spec: JobSpec) -> bool:
    """Return whether a task trains: it goes on from its checkpoints after its pod was killed."""
    return step == "train" or (step == "quantize" and any(one.trains for one in spec.listed))


def let_start_pods(task: dsl.PipelineTask, image: str) -> None:
    """Tell a task its own image and service account: the pods that it starts have the same."""
    task.set_env_variable(IMAGE, image)
    kubernetes.use_field_path_as_env(task, env_name=ACCOUNT, field_path="spec.serviceAccountName")
    variable, field = POD_FACTS["inc.namespace"]
    kubernetes.use_field_path_as_env(task, env_name=variable, field_path=field)


def _repeatable(step: str, spec: JobSpec) -> bool:
    """Return whether a pure step may come from the cache: all that it reads is named by its sha256.

    A search times models, so it is never repeated.
    """
    return is_pinned(spec) and not (step == "quantize" and spec.recipes == "auto")


def _connect(task: dsl.PipelineTask, profile: TaskProfile) -> None:
    """Pass addresses and credentials by the names of a config map and secrets.

    The package holds none of their values.
    """
    kubernetes.use_config_map_as_env(task, SETTINGS, {key: key for key in _ADDRESSES}, optional=True)
    kubernetes.use_secret_as_env(task, STORAGE, {key: key for key in _STORAGE_KEYS}, optional=True)
    if profile.uses_mlflow:
        kubernetes.use_secret_as_env(task, TRACKING, {key: key for key in _TRACKING_KEYS}, optional=True)
        for variable, field in POD_FACTS.values():
            kubernetes.use_field_path_as_env(task, env_name=variable, field_path=field)
