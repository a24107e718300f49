"""What a TrainJob's pods are, in the words of Kubeflow's SDK: their place, and what they get there."""

from dataclasses import dataclass
from typing import Any

from inc_mlflow.spec import PoolSpec
from inc_mlflow.spec.placement import POOL_LABEL
from inc_mlflow.training.launch.launcher import Program

RUNTIME = "inc-mlflow"
"""The TrainingRuntime in the namespace of the pipelines: settings of all pods (k8s/training)."""
IMAGE, ACCOUNT = "INC_MLFLOW_IMAGE", "INC_MLFLOW_SERVICE_ACCOUNT"
"""Environment variables with image and service account of a task, for the pods that it starts."""
TRAINING_LABEL = "inc-mlflow/training"
"""Label of the pods that may reach each other."""
_JOB = "node"
"""The job in a runtime whose pods train."""


@dataclass(frozen=True)
class Pods:
    """The pods of one training: as many as ``nodes``, each with as many processes."""

    pool: str
    hardware: PoolSpec
    image: str
    service_account: str
    nodes: int
    deadline: int


def command(program: Program, processes: int) -> list[str]:
    """Return what each pod runs; its environment says which of them it is, and where the first one is."""
    return [
        *("python", "-m", "torch.distributed.run", "--nproc-per-node", str(processes)),
        *("-m", program.module, program.argument),
    ]


def trainer(pods: Pods) -> Any:
    """Return image, number and resources."""
    from kubeflow.trainer.types.types import CustomTrainerContainer

    resources = {"cpu": str(pods.hardware.cpu), "memory": pods.hardware.memory}
    return CustomTrainerContainer(image=pods.image, num_nodes=pods.nodes, resources_per_node=resources)


def options(name: str, pods: Pods, program: Program, processes: int) -> list[Any]:
    """Return name, command, deadline, and where the pods may run."""
    from kubeflow.trainer import options as sdk

    return [
        sdk.Name(name),
        sdk.Labels({POOL_LABEL: pods.pool}),
        sdk.TrainerCommand(command(program, processes // pods.nodes)),
        sdk.ActiveDeadlineSeconds(pods.deadline),
        _placed(pods),
    ]


def _placed(pods: Pods) -> Any:
    from kubeflow.trainer.options import kubernetes as sdk

    pod = sdk.PodTemplatePatch(
        metadata={"labels": {POOL_LABEL: pods.pool, TRAINING_LABEL: "true"}},
        spec=sdk.PodSpecPatch(
            service_account_name=pods.service_account,
            node_selector=dict(pods.hardware.selector) or None,
            affinity=_affinity(pods.hardware),
            tolerations=[one.model_dump(exclude_none=True) for one in pods.hardware.tolerations] or None,
        ),
    )
    job = sdk.ReplicatedJobPatch(
        name=_JOB, template=sdk.JobTemplatePatch(spec=sdk.JobSpecPatch(template=pod))
    )
    template = sdk.JobSetTemplatePatch(spec=sdk.JobSetSpecPatch(replicated_jobs=[job]))
    return sdk.RuntimePatch(training_runtime_spec=sdk.TrainingRuntimeSpecPatch(template=template))


def _affinity(hardware: PoolSpec) -> dict[str, Any] | None:
    """Return the required labels: all of them hold together."""
    if not hardware.required:
        return None
    terms = [{"matchExpressions": [one.model_dump(mode="json") for one in hardware.required]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
