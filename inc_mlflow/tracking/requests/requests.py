"""Requests for promotion: artifacts and tags of a job's run; one identity requests, another decides."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from inc_mlflow.errors import DataError, TrackingError
from inc_mlflow.records import Decision, RequestRecord
from inc_mlflow.tracking.runs.artifacts import fetch_artifact
from inc_mlflow.tracking.runs.experiments import all_experiments
from inc_mlflow.tracking.runs.tagged_runs import NOTE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

STATUS, _OPEN = "inc.request", "open"
_DIGEST = "inc.request_sha256"
"""A param: nobody can write a second value, not even the owner of the run."""
_JUDGED = "inc.judged"
_TRIES = "inc.request_tries"
"""Number of tries. The run's owner may write it: a higher number closes their own request, and with a lower
one the gate tries once more, after all others."""
_DIGITS = 4
_REQUEST, _DECISION = "request.json", "decision.json"


def write_request(client: "MlflowClient", request: RequestRecord) -> None:
    """Write a request on its run; the same one again changes nothing, another one is a TrackingError."""
    run = client.get_run(request.run_id)
    if run.data.params.get(_DIGEST, request.identity()) != request.identity():
        raise TrackingError(
            f"run {request.run_id}: requests another promotion already; start a new run of the pipeline"
        )
    if STATUS in run.data.tags:
        return
    client.log_text(request.run_id, request.model_dump_json(indent=1), _REQUEST)
    client.log_param(request.run_id, _DIGEST, request.identity())
    client.set_tag(request.run_id, STATUS, _OPEN)


def read_request(client: "MlflowClient", run_id: str, target: Path) -> RequestRecord:
    """Return a run's request; DataError where there is none, or its text was changed since."""
    file = fetch_artifact(client, run_id, _REQUEST, target)
    try:
        request = RequestRecord.model_validate_json(file.read_bytes())
    except (ValidationError, IsADirectoryError) as error:
        raise DataError(f"run {run_id}: {_REQUEST} is no request; start the pipeline again") from error
    if (request.identity(), request.run_id) != (client.get_run(run_id).data.params.get(_DIGEST), run_id):
        raise DataError(f"run {run_id}: {_REQUEST} is not the one that was made; it was altered")
    return request


def find_open_requests(client: "MlflowClient", experiment: str | None) -> list[str]:
    """Return the runs with an open request, of one experiment, or of all that this identity may read.

    Those that no gate has tried yet come first, oldest first; then the one tried longest ago: a request that
    kills its gate must not stop the others. Raises TrackingError where there is no such experiment.
    """
    experiments = [_experiment_id(client, experiment)] if experiment else list(all_experiments(client))
    return [str(run.info.run_id) for run in sorted(_waiting(client, experiments), key=_order)]


def read_decision(client: "MlflowClient", run_id: str, target: Path) -> Decision | None:
    """Return the decision on a run's request; None while it is open.

    Raises TrackingError where the run has no request, DataError where the decision cannot be read.
    """
    status = client.get_run(run_id).data.tags.get(STATUS)
    if status is None:
        raise TrackingError(f"run {run_id}: requests no promotion; give a run whose tag {STATUS} is {_OPEN}")
    if status == _OPEN:
        return None
    try:
        return Decision.model_validate_json(fetch_artifact(client, run_id, _DECISION, target).read_bytes())
    except ValidationError as error:
        raise DataError(f"run {run_id}: {_DECISION} is no decision; look at the registry itself") from error


def mark_judged(client: "MlflowClient", run_id: str, policy: str) -> None:
    """Note on a run when and by which policy it is judged.

    Raises TrackingError where this identity may not write to the run: it could not close the request either.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.set_tag(run_id, _JUDGED, f"{datetime.now(UTC).isoformat(timespec='seconds')} by {policy}")
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        experiment = client.get_run(run_id).info.experiment_id
        raise TrackingError(
            f"run {run_id}: this user may not close its request; "
            f"grant it EDIT on experiment {experiment} (docs/promotion.md)"
        ) from error


def count_try(client: "MlflowClient", run_id: str) -> int:
    """Count one more try at a request that broke the process reading it; return the number of tries."""
    before = client.get_run(run_id).data.tags.get(_TRIES, "")
    tries = 1 + (int(before) if before.isdecimal() and len(before) < _DIGITS else 0)
    client.set_tag(run_id, _TRIES, str(tries))
    return tries


def close_request(client: "MlflowClient", decision: Decision) -> None:
    """Write the decision on a request; the tag that closes it comes last."""
    client.log_text(decision.run_id, decision.model_dump_json(indent=1), _DECISION)
    client.set_tag(decision.run_id, NOTE, "\n\n".join([f"{decision.outcome} by the gate", *decision.reasons]))
    client.set_tag(decision.run_id, STATUS, decision.outcome)


def _experiment_id(client: "MlflowClient", experiment: str) -> str:
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise TrackingError(
            f"experiment {experiment!r}: is not on the server, or not to be read; "
            "give another, or none for all"
        )
    return str(found.experiment_id)


def _order(run: "Run") -> tuple[str, int, str]:
    return run.data.tags.get(_JUDGED, ""), run.info.start_time or 0, run.info.run_id


def _waiting(client: "MlflowClient", experiments: list[str]) -> Iterator["Run"]:
    token = None
    while True:
        page = client.search_runs(experiments, f"tags.`{STATUS}` = '{_OPEN}'", page_token=token)
        yield from page
        if not (token := page.token):
            return
