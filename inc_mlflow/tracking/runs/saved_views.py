"""Saved views of MLflow's page: a leaderboard and the trade-off, as tags of the experiment.

Their format is MLflow's own and not documented: they are written only for versions whose page was seen to
show them.
"""

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

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
"""Least width of the column with the job's metric, which stands between the others; width of a letter."""
_FACTS = ["inc.pool", "inc.verdict"]
_NUMBERS = ["relative_drop", "p99_ms", "size_mb", "speedup"]
"""Axes of the parallel coordinates, after the metric; the last one gives the lines their colour."""
_ALL_RUNS = 100
"""As many as MLflow draws."""


def write_views(client: "MlflowClient", experiment_id: str, metric: str) -> str | None:
    """Write both views where they are missing or changed; return why they are left out, else None.

    ``metric`` is the MLflow metric that shows the job's. Of jobs with several metrics in one experiment, the
    last one's is shown.
    """
    version = _server_version(client)
    if not version.startswith(_TESTED):
        tested = ", ".join(f"{beginning}x" for beginning in _TESTED)
        return f"MLflow {version}: saved views are left out; they are tested with {tested}"
    experiment = client.get_experiment(experiment_id)
    for key, text in _texts(experiment.creation_time or 0, metric).items():
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


def _texts(time: int, metric: str) -> dict[str, str]:
    """Return view -> value of its tag; with the experiment's own time the values never change."""
    return {
        LEADERBOARD: _text("INT8 leaderboard", time, _page(metric)),
        TRADEOFF: _text("INT8 trade-off", time, _page(metric) | _charts(metric)),
    }


def _text(name: str, time: int, state: dict[str, Any]) -> str:
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": name, "createdAt": time, "updatedAt": time, "state": f"deflate;{packed}"})


def _page(metric: str) -> dict[str, Any]:
    """Return rows and columns; the page has defaults for what else it saves."""
    width = max(_METRIC_WIDTH, _LETTER * len(metric))
    widths = {**_FACT_WIDTHS, f"metrics.`{metric}`": width, **_NUMBER_WIDTHS}
    return {
        "searchFilter": ROWS,
        "orderByKey": ORDER,
        "orderByAsc": False,
        "selectedColumns": list(widths),
        "columnOrder": list(widths),
        "columnWidths": widths,
        "runsHiddenMode": "SHOW_ALL",
    }


def _charts(metric: str) -> dict[str, Any]:
    sections = {  # the page sorts them by their names
        "All at once": [
            _chart("PARALLEL", selectedParams=_FACTS, selectedMetrics=[metric, *_NUMBERS], showAllRuns=True)
        ],
        "One by one": [
            _chart("SCATTER", xaxis=_axis("speedup"), yaxis=_axis(metric)),
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
