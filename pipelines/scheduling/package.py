"""The tasks of a compiled package and their pods.

A package has two YAML documents; the second one holds all placement.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.placement import ALONE_LABEL
from inc_mlflow.pipelines.scheduling.driver import pod_of
from inc_mlflow.pipelines.scheduling.pod import Pod
from inc_mlflow.spec.placement import POOL_LABEL
from inc_mlflow.spec.text import reading

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Packages are long: where PyYAML was built with libyaml they are read in an eighth of the time."""


@dataclass(frozen=True)
class Task:
    """A task that runs a container, also one inside a condition, a loop or a nested pipeline."""

    path: str
    name: str
    pod: Pod

    @property
    def pool(self) -> str | None:
        """The pool of the task; None where it has none."""
        return self.pod.labels.get(POOL_LABEL)

    @property
    def alone(self) -> bool:
        """Whether nothing else may fit on its node."""
        return ALONE_LABEL in self.pod.labels


def tasks_of(path: Path) -> list[Task]:
    """Read a package.

    Raises SpecError where it is none, lacks its second document, or leaves placement to the run.
    """
    with reading(path, "a compiled pipeline"):
        spec, configs = _documents(path.read_text())
        return [
            _task(place, name, executor, spec, configs)
            for place, name, executor in _leaves(spec, spec["root"], "")
        ]


def _documents(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the pipeline, and the Kubernetes configuration of each of its executors."""
    try:
        documents = list(yaml.load_all(text, _LOADER))
    except yaml.YAMLError as error:
        raise SpecError(f"not YAML: {' '.join(str(error).split())}") from error
    if (
        not documents
        or not isinstance(documents[0], dict)
        or not {"root", "deploymentSpec"} <= set(documents[0])
    ):
        raise SpecError("not a compiled pipeline; make one with `inc-mlflow compile`")
    try:
        _, platform = documents
        return documents[0], platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    except (KeyError, TypeError, ValueError) as error:
        raise SpecError(
            "its second YAML document is lost, and with it all placement; compile it again"
        ) from error


def _leaves(
    spec: Mapping[str, Any], component: Mapping[str, Any], above: str
) -> Iterator[tuple[str, str, str]]:
    """Yield (path, displayed name, executor) of the tasks in a component, however deep they stand."""
    for key, task in component["dag"]["tasks"].items():
        inner = spec["components"][task["componentRef"]["name"]]
        if "dag" in inner:
            yield from _leaves(spec, inner, f"{above}{key}/")
        else:
            yield f"{above}{key}", task["taskInfo"]["name"], inner["executorLabel"]


def _task(path: str, name: str, executor: str, spec: Mapping[str, Any], configs: Mapping[str, Any]) -> Task:
    container = spec["deploymentSpec"]["executors"][executor].get("container", {})
    try:
        return Task(path, name, pod_of(container, configs.get(executor, {})))
    except SpecError as error:
        raise SpecError(f"task {name!r}: {error}") from error
