"""Make components from typed functions: inline tasks on this machine, containers on a cluster."""

import functools
import inspect
from typing import TYPE_CHECKING, Any

from kfp import dsl

from inc_mlflow.components import COMPONENTS

if TYPE_CHECKING:
    from kfp.dsl.container_component_class import ContainerComponent

component = functools.partial(dsl.component, base_image="python", install_kfp_package=False)
"""Inline: KFP copies the body and runs it with this machine's Python."""


def container(name: str, image: str) -> "ContainerComponent":
    """Return a component that runs as the program of ``image``, with the same inputs and outputs.

    Nothing is installed at run time.
    """
    function = COMPONENTS.get(name).python_func

    def shell(*_: Any) -> dsl.ContainerSpec:
        command = ["python", "-m", "inc_mlflow.component", name]
        return dsl.ContainerSpec(
            image, command, ["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER]
        )

    functools.update_wrapper(shell, function)
    shell.__signature__ = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)  # type: ignore[attr-defined]
    return dsl.container_component(shell)


def execute(name: str, executor_input: dict[str, Any]) -> None:
    """Run a component in its container and write the file in which KFP reads outputs and metadata."""
    from kfp.dsl.executor import Executor

    Executor(executor_input, COMPONENTS.get(name).python_func).execute()
