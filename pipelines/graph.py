"""Makes the tasks of one job's pipeline: inline or in containers, each on its pool."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kfp import dsl

from inc_mlflow.components import COMPONENTS
from inc_mlflow.components._base import container
from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines import SHARDS
from inc_mlflow.pipelines.images import reference
from inc_mlflow.pipelines.kubernetes_settings import apply_settings, let_start_pods
from inc_mlflow.spec import SYSTEM, JobSpec, PoolSpec
from inc_mlflow.spec.images import image_on
from inc_mlflow.spec.source import image_of, of_artifact

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

OF_THE_SOURCE = ("import_model", "train")
"""Steps that run the framework of the job's model; all others take what it became."""
OF_THE_RECIPES = ("quantize",)
"""Steps that make candidates, some of them by a framework of their own."""


_COUNTED = {"stage": "recipes"}
"""What a job names fewer of where there are too many artifacts of a kind; else it is pools."""


def _own_image(step: str, spec: JobSpec) -> str | None:
    """Return the image of a step that runs what its pool's image lacks; None for that of the pool."""
    if step in OF_THE_SOURCE:
        return image_of(spec.model)
    return spec.image_of_recipes if step in OF_THE_RECIPES else None


@dataclass(frozen=True)
class Graph:
    """What a pipeline is built from. The job decides how many tasks there are, so each job has its own."""

    spec: JobSpec
    inline: bool
    """Tasks are functions run by this Python; else they are containers of the pools' images."""
    registry: str | None = None
    """Registry of images for a cluster without internet access; None for that of images.lock."""
    shards: int = SHARDS
    """Number of shards of calibration and evaluation in the pipeline ``sharded``."""

    def tasks(self, job: Any, root: Any, tracking_uri: Any, model: Any = None) -> "Tasks":
        """Begin a pipeline's body; the arguments are its parameters, and its input if it has one."""
        session = "" if self.inline else dsl.PIPELINE_JOB_ID_PLACEHOLDER
        artifact = {} if model is None else {"model": model}
        known = {"job": job, "root": root, "tracking_uri": tracking_uri, "session": session}
        return Tasks(self, known | artifact)

    def pipeline(self, body: Callable[["Tasks"], None], name: str, description: str) -> "GraphComponent":
        """Return a pipeline whose tasks ``body`` adds.

        Its parameters are ``job``, the job's canonical text, ``root``, where its relative paths start, and
        ``tracking_uri``. Where the job's model is an artifact, that is its input ``model``.
        """
        if of_artifact(self.spec.model):

            def trained(
                job: str, model: dsl.Input[dsl.Model], root: str = ".", tracking_uri: str = ""
            ) -> None:
                body(self.tasks(job, root, tracking_uri, model))

            return dsl.pipeline(trained, name=name, description=description)

        def of_job(job: str, root: str = ".", tracking_uri: str = "") -> None:
            body(self.tasks(job, root, tracking_uri))

        return dsl.pipeline(of_job, name=name, description=description)


@dataclass(frozen=True)
class Tasks:
    """Makes the tasks of one pipeline."""

    graph: Graph
    parameters: dict[str, Any]

    def __call__(self, step: str, pool: str = SYSTEM, **inputs: Any) -> dsl.PipelineTask:
        """Add a task on a pool; it gets job, root, tracking URI and pool where its component takes them."""
        spec, inline = self.graph.spec, self.graph.inline
        hardware = spec.placement.get(pool, PoolSpec())
        image = reference(_own_image(step, spec) or image_on(hardware, spec.engines), self.graph.registry)
        made = COMPONENTS.get(step) if inline else container(step, image)
        known = self.parameters | {"pool": pool}
        task = made(**{name: known[name] for name in made.component_spec.inputs if name in known}, **inputs)
        if inline:
            return task
        if step == "train" and spec.training.nodes > 1:
            let_start_pods(task, image)
        return apply_settings(task, step, pool, spec)

    def numbered(
        self, step: str, name: str, artifacts: list[Any], pool: str = SYSTEM, **inputs: Any
    ) -> dsl.PipelineTask:
        """Add a task that takes several artifacts of one kind, as ``<name>_1``, ``<name>_2`` and so on.

        Raises SpecError where the component has fewer inputs of that name.
        """
        slots = {f"{name}_{number}": artifact for number, artifact in enumerate(artifacts, start=1)}
        taken = COMPONENTS.get(step).component_spec.inputs
        if missing := [slot for slot in slots if slot not in taken]:
            raise SpecError(
                f"{_COUNTED.get(name, 'pools')}: {step} takes {len(slots) - len(missing)} {name}s at most, "
                f"not {len(slots)}; name fewer {_COUNTED.get(name, 'pools')}"
            )
        return self(step, pool, **slots, **inputs)

    @contextmanager
    def closing_runs(self) -> Iterator[None]:
        """On a cluster, close the job's MLflow runs however the tasks inside end.

        On one machine the caller does that.
        """
        if self.graph.inline:
            yield
            return
        with dsl.ExitHandler(self("finish"), name="job"):
            yield
