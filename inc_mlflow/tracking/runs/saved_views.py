"""Saved views of MLflow's page: a leaderboard and the trade-off, as tags of the experiment.

Their format is MLflow's own and not documented: they are written only for versions whose page was seen to
show them.
"""

import base64
import json
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inc_mlflow.tracking.runs.job_metrics import metrics_of_jobs

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEADERBOARD, TRADEOFF = "inc-leaderboard", "inc-tradeoff"
"""Keys of the views: fixed, so that a later pipeline writes the same view again and no other."""
ROWS, ORDER = "tags.`inc.role` = 'measurement'", "metrics.`standing`"
"""What both views show, and the metric that sorts it: what passes the gate first, then by speed-up."""
_TESTED = ("3.17.",)
"""Beginnings of the tested versions; tests/views opens the views in a browser."""
_TAG = "mlflow.sharedViewState."
_UNKNOWN = "unknown"
_FACT_WIDTHS = {
    "attributes.`Run Name`": 130,
    "runDateAndNestInfo": 145,  # when it was created
    "params.`inc.pool`": 130,
    "params.`inc.recipe`": 225,
    "params.`inc.verdict`": 95,
    "metrics.`speedup`": 75,
}
_NUMBER_WIDTHS = {
    "metrics.`relative_drop`": 100,
    "metrics.`p99_ms`": 70,
    "metrics.`size_mb`": 70,
}
_METRIC_WIDTH, _LETTER = 75, 8
"""Least width of a column with a metric of a job, which stands between the others; width of a letter."""
_FACTS = ["inc.pool", "inc.verdict"]
_NUMBERS = ["relative_drop", "p99_ms", "size_mb", "speedup"]
"""Axes of the parallel coordinates, after the metric; the last one gives the lines their colour."""
_ALL_RUNS = 100
"""As many as MLflow draws."""
_MOST_KINDS = 6
"""Jobs of so many different metrics are shown, the latest ones: MLflow takes no tag above 5,000 letters."""


Metrics = tuple[str, ...]
"""The MLflow metrics that show those of one job, in their order."""


def write_views(client: "MlflowClient", experiment_id: str, metrics: Metrics) -> str | None:
    """Write both views where they are missing or changed; return why they are left out, else None.

    ``metrics`` are the job's. Those of other jobs in the experiment are shown too: each run has its own.
    """
    version = _server_version(client)
    if not version.startswith(_TESTED):
        tested = ", ".join(f"{beginning}x" for beginning in _TESTED)
        return f"MLflow {version}: saved views are left out; they are tested with {tested}"
    experiment = client.get_experiment(experiment_id)
    kinds = metrics_of_jobs(client, experiment_id)
    kinds = kinds if metrics in kinds else [*kinds, metrics]
    for key, text in _texts(experiment.creation_time or 0, kinds[-_MOST_KINDS:]).items():
        if experiment.tags.get(_TAG + key) != text:
            client.set_experiment_tag(experiment_id, _TAG + key, text)
    return None


def _server_version(client: "MlflowClient") -> str:
    """Return the version of the server, or of the installed MLflow, whose page reads a local database."""
    import mlflow
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    if not client.tracking_uri.startswith(("http://", "https://")):
        return mlflow.__version__
    credentials = get_default_host_creds(client.tracking_uri)  # type: ignore[no-untyped-call]
    answer = http_request(credentials, "/version", "GET")  # type: ignore[no-untyped-call]
    version = answer.text.strip() if answer.ok else _UNKNOWN
    return version if version[:1].isdigit() else _UNKNOWN


def _texts(time: int, kinds: Sequence[Metrics]) -> dict[str, str]:
    """Return view -> value of its tag; with the experiment's own time the values never change."""
    page = _page(list(dict.fromkeys(metric for kind in kinds for metric in kind)))
    return {
        LEADERBOARD: _text("INT8 leaderboard", time, page),
        TRADEOFF: _text("INT8 trade-off", time, page | _charts(kinds)),
    }


def _text(name: str, time: int, state: dict[str, Any]) -> str:
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": name, "createdAt": time, "updatedAt": time, "state": f"deflate;{packed}"})


def _page(metrics: Sequence[str]) -> dict[str, Any]:
    """Return rows and columns; the page has defaults for what else it saves."""
    own = {f"metrics.`{metric}`": max(_METRIC_WIDTH, _LETTER * len(metric)) for metric in metrics}
    widths = {**_FACT_WIDTHS, **own, **_NUMBER_WIDTHS}
    return {
        "searchFilter": ROWS,
        "orderByKey": ORDER,
        "orderByAsc": False,
        "selectedColumns": list(widths),
        "columnOrder": list(widths),
        "columnWidths": widths,
        "runsHiddenMode": "SHOW_ALL",
    }


def _charts(kinds: Sequence[Metrics]) -> dict[str, Any]:
    """Lines that lack an axis are not drawn, so the jobs of each kind have a chart of their own."""
    sections = {  # the page sorts them by their names
        "All at once": [
            _chart("PARALLEL", selectedParams=_FACTS, selectedMetrics=[*kind, *_NUMBERS], showAllRuns=True)
            for kind in kinds
        ],
        "One by one": [
            *(
                _chart("SCATTER", xaxis=_axis("speedup"), yaxis=_axis(metric))
                for metric in dict.fromkeys(metric for kind in kinds for metric in kind)
            ),
            *(
                _chart("BAR", metricKey=metric, dataAccessKey=metric)
                for metric in ("speedup", "p99_ms", "size_mb")
            ),
        ],
    }
    return {
        "compareRunSections": [_section(name, len(charts)) for name, charts in sections.items()],
        "compareRunCharts": [
            chart | {"uuid": f"{name} {place}", "metricSectionId": name}
            for name, charts in sections.items()
            for place, chart in enumerate(charts)
        ],
    }


def _section(name: str, charts: int) -> dict[str, Any]:
    return {"uuid": name, "name": name, "display": True, "columns": min(charts, 2), "cardHeight": 360}


def _chart(kind: str, **what: Any) -> dict[str, Any]:
    return {"type": kind, "runsCountToCompare": _ALL_RUNS} | what


def _axis(metric: str) -> dict[str, str]:
    return {"key": metric, "type": "METRIC", "dataAccessKey": metric}
