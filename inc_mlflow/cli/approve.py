"""A person's commands: approve and reject."""

from typing import TYPE_CHECKING, Annotated

import typer

from inc_mlflow.cli.app import JSON, PROMOTE, app, emit, show
from inc_mlflow.cli.promote import TrackingUri, stores

if TYPE_CHECKING:
    from inc_mlflow.tracking.requests.approvals import ApprovalOutcome

Run = Annotated[str, typer.Argument(metavar="RUN_ID", help="The job's MLflow run, which holds the request.")]
Reason = Annotated[str, typer.Option(help="Why; it stays beside the request.")]


@app.command(rich_help_panel=PROMOTE)
def approve(run: Run, reason: Reason = "", tracking_uri: TrackingUri = None, as_json: JSON = False) -> None:
    """Approve a request that waits for a person; the gate promotes at its next run.

    The user who requested it cannot approve it. MLflow enforces that only where it has user accounts.
    """
    _answer(run, "approved", reason, tracking_uri, as_json)


@app.command(rich_help_panel=PROMOTE)
def reject(
    run: Run,
    reason: Annotated[str, typer.Option(help="Why; it stays beside the request.")],
    tracking_uri: TrackingUri = None,
    as_json: JSON = False,
) -> None:
    """Reject a request that waits for a person; that is final."""
    _answer(run, "rejected", reason, tracking_uri, as_json)


def _answer(
    run: str, outcome: "ApprovalOutcome", reason: str, tracking_uri: str | None, as_json: bool
) -> None:
    from inc_mlflow.promotion.approve import answer_approval

    given = answer_approval(stores(tracking_uri), run, outcome, reason)
    if as_json:
        emit({"run_id": run} | given.model_dump(mode="json"), as_json)
    else:
        show(f"{given.word} by {given.who}; the gate acts on it with `inc-mlflow promote --run {run}`")
