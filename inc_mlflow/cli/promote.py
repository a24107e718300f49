"""The gate's command: promote."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inc_mlflow.cli.app import JSON, PROMOTE, app, emit, say
from inc_mlflow.errors import SpecError

if TYPE_CHECKING:
    from inc_mlflow.records import Decision
    from inc_mlflow.steps.decide import Policy
    from inc_mlflow.tracking.server import Stores

_EXIT = {"promoted": 0, "open": 2, "rejected": 3, "inconclusive": 4, "stale": 4}


@app.command(rich_help_panel=PROMOTE)
def promote(
    run: Annotated[str | None, typer.Option(metavar="RUN_ID", help="The job's MLflow run, which holds the request.")] = None,
    requested: Annotated[bool, typer.Option("--requested", help="Answer all requests that wait, oldest first.")] = False,
    experiment: Annotated[str | None, typer.Option(help="With --requested: only those of this MLflow experiment.")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="The gate's own policy (YAML); by default each job is judged by its own gate.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow server; MLFLOW_TRACKING_URI by default.")] = None,
    as_json: JSON = False,
) -> None:
    """Answer what pipelines request: judge the evidence again, check the model's bytes, promote or refuse.

    For example: inc-mlflow promote --requested --policy platform.yaml. Exit code: 0 promoted, 3 rejected, 4 inconclusive,
    or another champion since; with --requested 0 if all were answered, and 2 if one could not be.
    """
    _check(run, requested, experiment)
    os.environ.update({"MLFLOW_TRACKING_URI": tracking_uri} if tracking_uri else {})
    from inc_mlflow.steps.decide import Policy
    from inc_mlflow.tracking.server import Stores

    gate = Stores.of_environment(), Policy.load(policy)
    raise typer.Exit(_one(*gate, run, as_json) if run else _all(*gate, experiment, as_json))


def _one(stores: "Stores", policy: "Policy", run_id: str, as_json: bool) -> int:
    from inc_mlflow.steps.decide import decide

    decision = decide(stores, run_id, policy)
    if as_json:
        emit(decision.model_dump(mode="json"), as_json)
    else:
        print(f"{_what(decision)}: {decision.recipe or run_id}")
        print("\n".join(f"  {reason}" for reason in decision.reasons))
        print(f"Judged by {decision.policy}")
    return _EXIT[decision.outcome]


def _all(stores: "Stores", policy: "Policy", experiment: str | None, as_json: bool) -> int:
    from inc_mlflow.steps.decide import decide_all

    decisions = []
    for decision in decide_all(stores, experiment, policy):
        decisions.append(decision)
        if not as_json:
            print(f"{decision.run_id} {_what(decision)}: {'; '.join(decision.reasons)}", flush=True)
    if as_json:
        emit({"requests": [one.model_dump(mode="json") for one in decisions]}, as_json)
    elif not decisions:
        say("no request waits")
    return 2 if any(one.outcome == "open" for one in decisions) else 0


def _what(decision: "Decision") -> str:
    version = f" as {decision.registered_model} version {decision.version}" if decision.version else ""
    return f"{decision.outcome}{version}"


def _check(run: str | None, requested: bool, experiment: str | None) -> None:
    if (run is None) != requested:
        raise SpecError("promote: give either --run RUN_ID or --requested")
    if experiment is not None and not requested:
        raise SpecError("--experiment: is for --requested; a run is in one already")
