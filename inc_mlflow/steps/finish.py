"""finish: end what an execution left running; a pipeline's exit handler, which may fail nothing."""

from inc_mlflow.errors import TrackingError
from inc_mlflow.spec import Job
from inc_mlflow.steps.track import SESSION, named_session
from inc_mlflow.tracking.server import Server, connected
from inc_mlflow.tracking.sessions import end_runs


def close_runs(job: Job, session: str = "") -> str:
    """End the runs of this execution that nobody works on any more, and say what was done or why nothing could be.

    A server that cannot be reached is no error: by now the pipeline has its result.
    """
    try:
        key = named_session(session)
        if not key:
            return f"runs of this pipeline may be left RUNNING: {SESSION} does not say which they are"
        with connected(Server.of(job)) as client:
            return f"runs of this pipeline ended as FAILED: {end_runs(client, Server.of(job), key)}"
    except TrackingError as error:
        return f"runs of this pipeline may be left RUNNING: {error}"
