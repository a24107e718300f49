"""The proof of placement: each task may run on all nodes of its pool, and on no other."""

from collections.abc import Iterator
from dataclasses import dataclass

from inc_mlflow.pipelines.scheduling.filters import fit_together, obstacles
from inc_mlflow.pipelines.scheduling.fleet import Fleet
from inc_mlflow.pipelines.scheduling.package import Task
from inc_mlflow.spec import LOCAL


@dataclass(frozen=True)
class TaskPlacement:
    """The nodes on which one task may run, and the reasons why that is wrong; none where it is right."""

    task: Task
    feasible: tuple[str, ...]
    wrong: tuple[str, ...]


def prove(tasks: list[Task], fleet: Fleet) -> list[TaskPlacement]:
    """Compare the nodes that each task may run on with those of its pool.

    Where all tasks are on `local`, any node is right.
    """
    found = {task.path: _feasible(task, fleet) for task in tasks}
    if all(task.pool == LOCAL for task in tasks):
        return [TaskPlacement(task, found[task.path], ()) for task in tasks]
    return [
        TaskPlacement(
            task,
            found[task.path],
            (*_misplaced(task, found[task.path], fleet), *_crowds(task, tasks, found, fleet)),
        )
        for task in tasks
    ]


def _feasible(task: Task, fleet: Fleet) -> tuple[str, ...]:
    return tuple(node.name for node in fleet.nodes if not obstacles(task.pod, node))


def _misplaced(task: Task, feasible: tuple[str, ...], fleet: Fleet) -> Iterator[str]:
    if task.pool is None:
        yield "nobody put it on a pool"
    elif task.pool == LOCAL:
        yield "may run on any node, while other tasks have pools"
    elif not fleet.of(task.pool):
        yield f"the fleet has no node of pool {task.pool}"
    for node in fleet.nodes:
        if node.pool != task.pool and node.name in feasible:
            yield f"node {node.name}: may run there, nothing keeps it off"
        if node.pool == task.pool and node.name not in feasible:
            yield f"node {node.name}: {'; '.join(obstacles(task.pod, node))}"


def _crowds(task: Task, tasks: list[Task], found: dict[str, tuple[str, ...]], fleet: Fleet) -> Iterator[str]:
    """Yield who fits beside a task that should be alone, another run's same task included."""
    if not task.alone:
        return
    for node in fleet.nodes:
        names = {
            other.name
            for other in tasks
            if node.name in found[other.path] and fit_together(task.pod, other.pod, node)
        }
        if node.name in found[task.path] and names:
            others = ", ".join(sorted(names))
            yield f"node {node.name}: should be alone there, but it has room for {others} as well"
