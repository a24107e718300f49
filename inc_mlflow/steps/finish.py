"""finish: end what an execution left running; a pipeline's exit handler, which may fail nothing."""

import os

from inc_mlflow.errors import TrackingError
from inc_mlflow.spec import Job
from inc_mlflow.steps.track import SESSION
from inc_mlflow.tracking.server import Server, connected
from inc_mlflow.tracking.sessions import end_runs


def close_runs(job: Job, session: str = "") -> str:
    """End the runs of this execution that nobody works on any more, and say what was done or why nothing could be.

    A server that cannot be reached is no error: by now the pipeline has its result.
    """
    session = session or os.environ.get(SESSION, "")
    if not session:
        return f"runs of this pipeline may be left RUNNING: {SESSION} does not say which they are"
    try:
        with connected(Server.of(job)) as client:
            return f"runs of this pipeline ended as FAILED: {end_runs(client, Server.of(job), session)}"
    except TrackingError as error:
        return f"runs of this pipeline may be left RUNNING: {error}"
