"""The gate's command: promote."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inc_mlflow.cli.app import JSON, PROMOTE, app, emit, say, show
from inc_mlflow.errors import SpecError

if TYPE_CHECKING:
    from inc_mlflow.promotion.review import Policy
    from inc_mlflow.records import Decision
    from inc_mlflow.tracking.server.connection import Stores

_EXIT = {"promoted": 0, "open": 2, "broken": 2, "rejected": 3, "inconclusive": 4, "stale": 4, "waiting": 4}
TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri", help="MLflow server; MLFLOW_TRACKING_URI, or the store of this folder's job."
    ),
]


def stores(tracking_uri: str | None) -> "Stores":
    """Return the stores that a command without a job talks to."""
    os.environ.update({"MLFLOW_TRACKING_URI": tracking_uri} if tracking_uri else {})
    from inc_mlflow.tracking.server.connection import Stores

    return Stores.of_environment()


@app.command(rich_help_panel=PROMOTE)
def promote(
    run: Annotated[
        str | None, typer.Option(metavar="RUN_ID", help="The job's MLflow run, which holds the request.")
    ] = None,
    job: Annotated[
        Path | None, typer.Option(metavar="JOB", help="A finished job on this machine (YAML).")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL_ID", help="A candidate's logged model, as m-4f1c….")
    ] = None,
    requested: Annotated[
        bool, typer.Option("--requested", help="Process all open requests, new ones first.")
    ] = False,
    adopt: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Take over a registered model that others made; its ledger records where they put aliases.",
        ),
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="With --adopt: of the aliases, as tracking.alias_prefix of the job.")
    ] = "int8",
    experiment: Annotated[
        str | None, typer.Option(help="With --requested: only those of this MLflow experiment.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(help="The gate's own policy (YAML); by default each job is judged by its own gate."),
    ] = None,
    tracking_uri: TrackingUri = None,
    as_json: JSON = False,
) -> None:
    """Process requests for promotion: judge the evidence again, check the model's bytes, promote or reject.

    For example: inc-mlflow promote --requested --policy platform.yaml. Exit code: 0 promoted, 2 still open,
    or broken, 3 rejected, 4 inconclusive, stale, or waiting for approval; with --requested 0 if all were
    answered, else 2.
    """
    if sum(map(bool, (run, job, model, requested, adopt))) != 1:
        raise SpecError("promote: give one of --run, --job, --model, --requested and --adopt")
    if experiment is not None and not requested:
        raise SpecError("--experiment: is for --requested; a run is in one already")
    if adopt is not None:
        raise typer.Exit(_adopt(stores(tracking_uri), adopt, prefix, as_json))
    from inc_mlflow.promotion.review import Policy

    judge = Policy.load(policy)
    if requested:
        raise typer.Exit(_process_open(stores(tracking_uri), judge, experiment, as_json))
    raise typer.Exit(_process_one(*_request_of(run, job, model, tracking_uri), judge, as_json))


def _request_of(
    run: str | None, job: Path | None, model: str | None, tracking_uri: str | None
) -> tuple["Stores", str]:
    """Return the run that holds the request, and where."""
    if job is not None:
        os.environ.update({"MLFLOW_TRACKING_URI": tracking_uri} if tracking_uri else {})
        from inc_mlflow.pipelines.request import request_finished
        from inc_mlflow.spec import Job
        from inc_mlflow.tracking.server.connection import Server

        loaded = Job.load(job)
        return Server.of(loaded), request_finished(loaded)
    at = stores(tracking_uri)
    if run is not None:
        return at, run
    from inc_mlflow.promotion.request import find_requesting_run

    return at, find_requesting_run(at, str(model).removeprefix("models:/"))


def _adopt(at: "Stores", model: str, prefix: str, as_json: bool) -> int:
    from inc_mlflow.promotion.adopt import adopt
    from inc_mlflow.reports.history import sentence

    entries = adopt(at, model, prefix)
    if as_json:
        emit({"entries": [entry.model_dump(mode="json") for entry in entries]}, as_json)
    else:
        for entry in entries:
            show(sentence(entry))
        if not entries:
            show(f"{model} taken over: it has a ledger now, and no champion; its versions stay as they are")
    return 0


def _process_one(at: "Stores", run_id: str, policy: "Policy", as_json: bool) -> int:
    from inc_mlflow.promotion.process_request import process_untrusted_request

    decision = process_untrusted_request(at, run_id, policy)
    if as_json:
        emit(decision.model_dump(mode="json"), as_json)
    else:
        for line in _decision_lines(decision, run_id):
            show(line)
    return _EXIT[decision.outcome]


def _decision_lines(decision: "Decision", run_id: str) -> Iterator[str]:
    yield f"{_outcome_text(decision)}: {decision.recipe or run_id}"
    yield from (f"  {reason}" for reason in decision.reasons)
    yield from (f"  {alias} is version {version}" for alias, version in decision.aliases.items())
    yield f"Judged by {decision.policy}"
    yield from (f"  {one.text()}" for one in decision.protections)


def _process_open(at: "Stores", policy: "Policy", experiment: str | None, as_json: bool) -> int:
    from inc_mlflow.promotion.process_request import process_open_requests

    decisions = []
    for decision in process_open_requests(at, experiment, policy):
        decisions.append(decision)
        if not as_json:
            show(f"{decision.run_id} {_outcome_text(decision)}: {'; '.join(decision.reasons)}")
    if as_json:
        emit({"requests": [one.model_dump(mode="json") for one in decisions]}, as_json)
    elif not decisions:
        say("no request waits")
    return 2 if any(_EXIT[one.outcome] == 2 for one in decisions) else 0


def _outcome_text(decision: "Decision") -> str:
    version = f" as {decision.registered_model} version {decision.version}" if decision.version else ""
    return f"{decision.outcome}{version}"
