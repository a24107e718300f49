"""Tasks of one job's pipeline: each component as an inline task or a container, on its pool, with its job."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kfp import dsl

from inc_mlflow.components import COMPONENTS
from inc_mlflow.components._base import container
from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines import SHARDS
from inc_mlflow.pipelines.images import reference
from inc_mlflow.pipelines.kubernetes_settings import dress
from inc_mlflow.spec import SYSTEM, JobSpec, PoolSpec


@dataclass(frozen=True)
class Graph:
    """What a pipeline is built from: the job decides how wide it is, so each job has a graph of its own."""

    spec: JobSpec
    inline: bool
    """Tasks are functions of this process' Python; else containers of the images that the pools name."""
    registry: str | None = None
    """Where a cluster without internet access finds the images."""
    shards: int = SHARDS
    """Parts that calibration and evaluation are split into, where the pipeline splits them."""

    def tasks(self, job: Any, root: Any, tracking_uri: Any) -> "Tasks":
        """Begin a pipeline's body; the arguments are its parameters."""
        session = "" if self.inline else dsl.PIPELINE_JOB_ID_PLACEHOLDER
        return Tasks(self, {"job": job, "root": root, "tracking_uri": tracking_uri, "session": session})


@dataclass(frozen=True)
class Tasks:
    """Makes the tasks of one pipeline."""

    graph: Graph
    parameters: dict[str, Any]

    def __call__(self, step: str, pool: str = SYSTEM, **inputs: Any) -> dsl.PipelineTask:
        """Add a task on a pool.

        Job, root, tracking URI and pool are handed to the components that take them.
        """
        spec, inline = self.graph.spec, self.graph.inline
        hardware = spec.placement.get(pool, PoolSpec())
        made = (
            COMPONENTS.get(step)
            if inline
            else container(step, reference(hardware.image, self.graph.registry))
        )
        known = self.parameters | {"pool": pool}
        task = made(**{name: known[name] for name in made.component_spec.inputs if name in known}, **inputs)
        return task if inline else dress(task, step, pool, spec)

    def numbered(self, step: str, name: str, artifacts: list[Any], **inputs: Any) -> dsl.PipelineTask:
        """Add a task that takes several artifacts of one kind, as ``<name>_1``, ``<name>_2`` and so on."""
        slots = {f"{name}_{number}": artifact for number, artifact in enumerate(artifacts, start=1)}
        taken = COMPONENTS.get(step).component_spec.inputs
        if missing := [slot for slot in slots if slot not in taken]:
            raise SpecError(
                f"pools: {step} takes {len(slots) - len(missing)} {name}s at most, not {len(slots)}; name fewer pools"
            )
        return self(step, **slots, **inputs)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """On a cluster, close the job's runs in MLflow however the tasks inside end.

        Here the caller sees to that.
        """
        if self.graph.inline:
            yield
            return
        with dsl.ExitHandler(self("finish"), name="job"):
            yield
