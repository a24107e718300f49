"""The commands about pools: list, show, check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inc_mlflow.cli.app import CLUSTER, EXIT, JSON, app, emit

if TYPE_CHECKING:
    from inc_mlflow.pipelines.scheduling.proof import TaskPlacement
    from inc_mlflow.spec import PoolSpec

PRESET = Annotated[
    str | None,
    typer.Option(
        metavar="PRESET",
        help="nfd (the default), aks, eks, gke, karpenter, on-premises, or a file with own pools.",
    ),
]
pools = typer.Typer(rich_markup_mode=None)
app.add_typer(
    pools,
    name="pools",
    rich_help_panel=CLUSTER,
    help="Show what pools are, and check where the tasks of a package may run.",
)


@pools.command("list")
def list_(preset: PRESET = None, as_json: JSON = False) -> None:
    """List pools: their role, hardware and nodes."""
    from inc_mlflow.spec.presets import definitions

    emit({name: _summary(name, pool) for name, pool in definitions(preset, Path()).items()}, as_json)


@pools.command()
def show(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="Name of a pool.")],
    preset: PRESET = None,
    as_json: JSON = False,
) -> None:
    """Print all of a pool, as a file with own pools has it."""
    import yaml

    from inc_mlflow.errors import UnknownNameError
    from inc_mlflow.registry import did_you_mean
    from inc_mlflow.spec.presets import definitions

    known = definitions(preset, Path())
    if pool not in known:
        raise UnknownNameError(
            f"pools: no {pool!r}{did_you_mean(pool, list(known))}; there are {', '.join(known)}"
        )
    whole = {"version": 1, "pools": {pool: known[pool].model_dump(mode="json", exclude_none=True)}}
    if as_json:
        emit(whole, as_json)
    else:
        print(yaml.safe_dump(whole, sort_keys=False), end="")


@pools.command()
def check(
    package: Annotated[Path, typer.Argument(metavar="PACKAGE", help="What `inc-mlflow compile` wrote.")],
    fleet: Annotated[Path, typer.Option(help="The cluster's nodes (YAML), as examples/fleets/eks.yaml.")],
    as_json: JSON = False,
) -> None:
    """Check that each task may run on the nodes of its pool, and only there.

    For example: inc-mlflow pools check package.yaml --fleet examples/fleets/eks.yaml. Exit code: 0 yes, 3 no.
    """
    from inc_mlflow.pipelines.scheduling.fleet import Fleet
    from inc_mlflow.pipelines.scheduling.package import tasks_of
    from inc_mlflow.pipelines.scheduling.proof import prove

    proof = prove(tasks_of(package), Fleet.load(fleet))
    verdict = "fail" if any(placed.wrong for placed in proof) else "pass"
    if as_json:
        emit({"verdict": verdict, "tasks": [_row(placed) for placed in proof]}, as_json)
    else:
        _print_proof(proof, verdict)
    raise typer.Exit(EXIT[verdict])


def _summary(name: str, pool: "PoolSpec") -> str:
    from inc_mlflow.spec import SYSTEM

    expect = pool.expect
    hardware = [expect.arch, expect.vendor, *expect.has, *(f"no {flag}" for flag in expect.lacks), expect.gpu]
    nodes = [*(f"{key}={value}" for key, value in pool.selector.items()), *map(str, pool.required)]
    role = "steps that measure nothing" if name == SYSTEM else pool.role
    return f"{role}; {' '.join(filter(None, hardware)) or 'any hardware'}; nodes with {', '.join(nodes)}"


def _row(placed: "TaskPlacement") -> dict[str, Any]:
    task = placed.task
    return {
        "task": task.path,
        "name": task.name,
        "pool": task.pool,
        "feasible": placed.feasible,
        "wrong": placed.wrong,
    }


def _print_proof(proof: list["TaskPlacement"], verdict: str) -> None:
    """Print a line per task, then one per task that is wrong."""
    width = max(len(placed.task.name) for placed in proof)
    for placed in proof:
        nodes = ", ".join(placed.feasible) or "no node"
        print(f"{placed.task.name:{width}}  {placed.task.pool or 'no pool'}: {nodes}")
    for placed in proof:
        if placed.wrong:
            print(f"wrong: {placed.task.name}: {'; '.join(placed.wrong)}")
    print(f"verdict: {verdict}")
