"""A job as one task of a user's own pipeline, on this machine.

On a cluster the package that ``inc-mlflow compile`` writes is that task:
``kfp.components.load_component_from_file``.
"""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.pipelines.compiling import build_inline
from inc_mlflow.spec import Job
from inc_mlflow.steps.step import SESSION

if TYPE_CHECKING:
    from kfp import dsl


def nested_pipeline(job: str | Path, pipeline: str = "int8") -> "Callable[..., dsl.PipelineTask]":
    """Return what a pipeline's body calls with ``model=``, the artifact, to run the job file there.

    For KFP's runner on this machine. Call this outside of a pipeline's body: KFP builds one pipeline at a
    time. Raises as ``Job.load``.
    """
    given = Job.load(Path(job))
    built = build_inline(pipeline, given.spec)
    os.environ.setdefault(SESSION, uuid.uuid4().hex)  # one execution, by which its MLflow runs are found

    def task(**inputs: Any) -> "dsl.PipelineTask":
        return built(job=given.spec.to_text(), root=str(given.root), **inputs)

    return task
