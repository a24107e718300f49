"""Links into MLflow's web page, all in its "Model training" mode, which shows runs and their columns."""

from urllib.parse import quote

from inc_mlflow.tracking.runs.saved_views import LEADERBOARD, ORDER, ROWS, TRADEOFF
from inc_mlflow.tracking.server.connection import Server

_MODE = "workflowType=machine_learning"
_CHARTS = "compareRunsMode=CHART"
_SAME_ROWS = f"searchFilter={quote(ROWS)}&orderByKey={quote(ORDER)}&orderByAsc=false"


def experiment_url(server: Server, experiment_id: str) -> str:
    """All runs of the job's experiment."""
    return f"{server.ui()}/#/experiments/{experiment_id}/runs?{_MODE}"


def leaderboard_url(server: Server, experiment_id: str, views: bool) -> str:
    """The measurements: those that pass first, then by speed; ``views``: the saved views exist."""
    return f"{experiment_url(server, experiment_id)}&{_shown(LEADERBOARD, views)}"


def tradeoff_url(server: Server, experiment_id: str, views: bool) -> str:
    """The measurements as charts."""
    return f"{experiment_url(server, experiment_id)}&{_shown(TRADEOFF, views)}&{_CHARTS}"


def _shown(view: str, views: bool) -> str:
    """Return the view's key, or its filter: a link to a missing view ends on another page."""
    return f"viewStateShareKey={view}" if views else _SAME_ROWS
