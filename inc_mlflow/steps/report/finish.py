"""finish: end the runs that an execution left open, as a pipeline's exit handler, which must not fail."""

from inc_mlflow.errors import TrackingError
from inc_mlflow.spec import Job
from inc_mlflow.steps.report.track import named_session
from inc_mlflow.steps.step import SESSION
from inc_mlflow.tracking.runs.experiments import experiment_of
from inc_mlflow.tracking.runs.leftovers import end_runs
from inc_mlflow.tracking.server.connection import Server, connected


def close_runs(job: Job, session: str = "") -> str:
    """End the open runs of this execution, and return one line that says what was done.

    An unreachable server is no error, since the pipeline has its result by now.
    """
    try:
        key = named_session(session)
        if not key:
            return f"runs of this pipeline may be left RUNNING: {SESSION} does not say which they are"
        with connected(Server.of(job)) as client:
            experiment = experiment_of(client, Server.of(job))
            ended = end_runs(client, experiment, [key], "FAILED") if experiment else 0
            return f"runs of this pipeline ended as FAILED: {ended}"
    except TrackingError as error:
        return f"runs of this pipeline may be left RUNNING: {error}"
