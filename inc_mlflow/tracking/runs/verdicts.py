"""The verdict of an execution on a cluster, read from its runs."""

from inc_mlflow.tracking.runs.experiments import all_experiments
from inc_mlflow.tracking.runs.tagged_runs import SESSION, VERDICT
from inc_mlflow.tracking.server.connection import Server, connected


def verdict_of(server: Server, session: str) -> str | None:
    """Return the verdict of a session; None where no run has one, or its runs contradict each other."""
    with connected(server) as client:
        experiments = list(all_experiments(client))
        runs = client.search_runs(experiments, f"tags.`{SESSION}` = '{session}'") if experiments else []
        verdicts = {run.data.tags[VERDICT] for run in runs if VERDICT in run.data.tags}
    return verdicts.pop() if len(verdicts) == 1 else None
