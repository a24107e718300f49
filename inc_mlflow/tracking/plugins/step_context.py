"""Tags for the runs that a step opens: which step it is, and on which hardware it runs.

Every step imports this module, also without MLflow, so it does not import MLflow.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

POD_FACTS = {
    "inc.kfp.run_id": ("INC_MLFLOW_KFP_RUN_ID", "metadata.labels['pipeline/runid']"),
    "inc.namespace": ("INC_MLFLOW_NAMESPACE", "metadata.namespace"),
    "inc.node": ("INC_MLFLOW_NODE", "spec.nodeName"),
    "inc.pod": ("INC_MLFLOW_POD", "metadata.name"),
}
"""Tag -> environment variable in a pod, and the field of the pod that Kubernetes copies into it."""


@dataclass(frozen=True)
class _Step:
    name: str
    pool: str | None


_STEP: ContextVar[_Step | None] = ContextVar("step", default=None)
"""Step of this thread and of what it calls; other threads of the process may run other code."""


@contextmanager
def step_context(step: str, pool: str | None) -> Iterator[None]:
    """Mark the work of this thread as that of a step; ``pool`` is None where nothing is measured."""
    token = _STEP.set(_Step(step, pool))
    try:
        yield
    finally:
        _STEP.reset(token)


def in_step() -> bool:
    """Tell whether a step of ours runs in this thread."""
    return _STEP.get() is not None


def step_tags() -> dict[str, str]:
    """Return the tags of the present step and its pod; of the hardware only where a pool is measured."""
    step = _STEP.get()
    if step is None:
        return {}
    pod = {tag: os.environ.get(variable, "") for tag, (variable, _) in POD_FACTS.items()}
    hardware = {"inc.pool": step.pool, **_hardware()} if step.pool else {}
    return {tag: value for tag, value in ({"inc.step": step.name} | pod | hardware).items() if value}


def _hardware() -> dict[str, str]:
    from inc_mlflow.hardware.probe import host_facts

    host = host_facts()
    return {"inc.arch": platform.machine(), "inc.cpu": host.cpu, "inc.isa": " ".join(host.isa)}
