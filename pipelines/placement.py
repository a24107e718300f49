"""Places a Kubeflow task on a pool: its nodes, and the resources that it gets there."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import LOCAL, SYSTEM, PoolSpec
from inc_mlflow.spec.placement import POOL_LABEL

if TYPE_CHECKING:
    from kfp.dsl import PipelineTask

ALONE_LABEL = "inc-mlflow/alone"
"""Label of a pod that has a node to itself."""


def place(task: "PipelineTask", pool: str, hardware: PoolSpec, alone: bool = False) -> "PipelineTask":
    """Let a task run on the nodes of its pool only; call it once for each task.

    With ``alone`` the task requests the CPUs of a whole node, where the pool says how many these are. On
    `local` it may run anywhere, and on `system` too for a job that has no pools on a cluster.
    Raises SpecError where a pool does not say which nodes it has.
    """
    from kfp import kubernetes

    if not hardware.selector and not hardware.required:
        if pool not in (LOCAL, SYSTEM):
            raise SpecError(
                f"pools.{pool}: its tasks would run on any node; give a selector, required labels or a preset"
            )
        return _give(kubernetes.add_pod_label(task, POOL_LABEL, LOCAL), hardware, hardware.cpu)
    kubernetes.add_pod_label(task, POOL_LABEL, pool)
    whole_node = hardware.exclusive if alone else None
    if whole_node:
        kubernetes.add_pod_label(task, ALONE_LABEL, "true")
    _choose_nodes(task, hardware)
    return _give(task, hardware, whole_node or hardware.cpu)


def _choose_nodes(task: "PipelineTask", hardware: PoolSpec) -> None:
    from kfp import kubernetes

    for key, value in hardware.selector.items():
        kubernetes.add_node_selector(task, key, value)
    if hardware.required:
        # One call: Kubernetes joins the expressions of a term by "and", but the terms of several calls by
        # "or".
        kubernetes.add_node_affinity(task, [expression.model_dump() for expression in hardware.required])
    for toleration in hardware.tolerations:
        kubernetes.add_toleration(task, **toleration.model_dump())


def _give(task: "PipelineTask", hardware: PoolSpec, cpu: int) -> "PipelineTask":
    # At each setting KFP reads the source of every caller up the stack: a new thread has hardly any.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_set_resources, task, hardware, cpu).result()


def _set_resources(task: "PipelineTask", hardware: PoolSpec, cpu: int) -> "PipelineTask":
    # Requests equal to limits: no pod takes CPUs that another one was promised, and layouts are planned on
    # whole CPUs.
    task.set_cpu_request(str(cpu)).set_cpu_limit(str(cpu))
    task.set_memory_request(hardware.memory).set_memory_limit(hardware.memory)
    if hardware.gpu:
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(hardware.gpu)
    return task
