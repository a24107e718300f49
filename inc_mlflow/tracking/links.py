"""Links into MLflow's web page; all open in its "Model training" mode, where runs and their columns are."""

from urllib.parse import quote

from inc_mlflow.tracking.server import Server

_MODE = "workflowType=machine_learning"
_CANDIDATES = quote("tags.\"inc.role\" = 'candidate'")
_BY_SPEED = f"orderByKey={quote('metrics.`speedup`')}&orderByAsc=false"


def experiment_url(server: Server, experiment_id: str) -> str:
    """All runs of the job's experiment."""
    return f"{_runs(server, experiment_id)}?{_MODE}"


def leaderboard_url(server: Server, experiment_id: str) -> str:
    """The candidates, fastest first."""
    return f"{_runs(server, experiment_id)}?{_MODE}&searchFilter={_CANDIDATES}&{_BY_SPEED}"


def tradeoff_url(server: Server, experiment_id: str) -> str:
    """The candidates as charts."""
    return f"{leaderboard_url(server, experiment_id)}&compareRunsMode=CHART"


def _runs(server: Server, experiment_id: str) -> str:
    return f"{server.ui()}/#/experiments/{experiment_id}/runs"
