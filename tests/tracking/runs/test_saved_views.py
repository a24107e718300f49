"""Saved views are written once, beside those of others, and only for servers that they are tested with."""

import base64
import http.server
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pytest

from inc_mlflow.pipelines import run
from inc_mlflow.records import TrackingRecord
from inc_mlflow.tracking.runs.links import leaderboard_url, tradeoff_url
from inc_mlflow.tracking.runs.saved_views import LEADERBOARD, ROWS, TRADEOFF, write_views
from inc_mlflow.tracking.server.connection import Server

TAG = "mlflow.sharedViewState."
FOREIGN = {f"{TAG}somebodys": '{"name": "mine"}', "team": "a"}


@pytest.fixture
def experiment(store) -> str:
    return str(store.client.create_experiment("digits", tags=FOREIGN))


def tags(store, experiment: str) -> dict[str, str]:
    return {
        name: value
        for name, value in store.client.get_experiment(experiment).tags.items()
        if name != "mlflow.experimentKind"
    }


def state(text: str) -> dict[str, Any]:
    kind, _, packed = json.loads(text)["state"].partition(";")
    assert kind == "deflate"
    return dict(json.loads(zlib.decompress(base64.b64decode(packed))))


def test_two_views_stand_beside_those_of_others(store, experiment):
    assert write_views(store.client, experiment, ("top1",)) is None
    written = tags(store, experiment)
    assert {name: written.pop(name) for name in FOREIGN} == FOREIGN
    assert sorted(written) == [TAG + LEADERBOARD, TAG + TRADEOFF]
    assert all(state(text)["searchFilter"] == ROWS for text in written.values())
    columns = state(written[TAG + LEADERBOARD])["selectedColumns"]
    assert "metrics.`top1`" in columns
    assert "metrics.`accuracy`" not in columns
    assert all("accuracy" not in json.dumps(state(text)) for text in written.values())
    assert all(len(text) < 5000 for text in written.values()), "MLflow takes no longer tags"


def test_views_that_are_there_are_not_written_again_and_changed_ones_are_put_right(
    store, experiment, monkeypatch
):
    write_views(store.client, experiment, ("top1",))
    before = tags(store, experiment)
    store.client.set_experiment_tag(experiment, TAG + TRADEOFF, "changed")
    calls = []
    set_tag = store.client.set_experiment_tag
    monkeypatch.setattr(
        store.client, "set_experiment_tag", lambda *call: (calls.append(call[1]), set_tag(*call))
    )
    for _ in range(2):
        write_views(store.client, experiment, ("top1",))
    assert calls == [TAG + TRADEOFF]
    assert tags(store, experiment) == before


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, "3.18.0"), "3.18.0"),
        ((200, "3.1"), "3.1"),
        ((200, "<html>"), "unknown"),
        ((404, "3.17.2"), "unknown"),
    ],
)
def test_on_another_version_the_views_are_left_out_with_one_line(answer, told):
    with answering(*answer) as uri:
        line = write_views(mlflow.MlflowClient(uri), "1", ("top1",))
    assert line == f"MLflow {told}: saved views are left out; they are tested with 3.17.x"


def test_a_database_is_taken_for_as_old_as_the_mlflow_that_is_installed(store, experiment, monkeypatch):
    monkeypatch.setattr(mlflow, "__version__", "4.0.1")
    assert str(write_views(store.client, experiment, ("top1",))).startswith("MLflow 4.0.1: ")
    assert tags(store, experiment) == FOREIGN


def test_a_run_tells_that_views_are_left_out(measured, monkeypatch):
    ids = dict.fromkeys(("tracking_uri", "experiment_id", "parent_run_id"), "1")

    def work(pipeline: object, arguments: object, state: Path, *rest: object) -> None:
        (state / "tracking").mkdir()
        TrackingRecord(**ids, runs={}, models={}, evidence={}, no_views="the line").save(state / "tracking")

    monkeypatch.setattr(run, "run_local", work)
    monkeypatch.setattr(run, "job_result", lambda *_: {})
    told: list[str] = []
    run.run_job(measured.job, fresh=False, notify=told.append)
    assert told[-1] == "the line"


@pytest.mark.parametrize("link", [leaderboard_url, tradeoff_url])
def test_links_open_the_views_or_the_same_rows_where_there_are_none(link: Callable[[Server, str, bool], str]):
    server = Server("http://mlflow:5000/", "", "digits", "digits")
    start = "http://mlflow:5000/#/experiments/7/runs?workflowType=machine_learning&"
    view, rows = link(server, "7", True), link(server, "7", False)
    assert view.startswith(f"{start}viewStateShareKey=inc-")
    assert rows.startswith(
        f"{start}searchFilter=tags.%60inc.role%60%20%3D%20%27measurement%27&orderByKey=metrics.%60standing%60&"
    )
    assert view.endswith("CHART") == rows.endswith("CHART") == (link is tradeoff_url)


@contextmanager
def answering(status: int, text: str) -> Iterator[str]:
    """A server on loopback that gives everybody one answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/version"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_jobs_with_other_metrics_in_one_experiment_keep_their_columns_and_charts(store, experiment):
    for started, metric in enumerate(["top1", "wer"], start=1):
        tags = {"inc.role": "job", "inc.metrics": json.dumps([metric])}
        store.client.create_run(experiment, start_time=started, tags=tags)
    old = store.client.create_run(experiment, start_time=5, tags={"inc.role": "job"}).info.run_id
    store.client.log_param(old, "inc.metric", "f1")
    strange = {"inc.role": "job", "inc.metrics": '{"a": 1}'}
    store.client.create_run(experiment, start_time=6, tags=strange)
    assert write_views(store.client, experiment, ("wer",)) is None
    view = state(tags_of_view(store, experiment, TRADEOFF))
    own = [name for name in view["selectedColumns"] if name.removeprefix("metrics.").strip("`") in NAMES]
    assert own == [f"metrics.`{name}`" for name in NAMES]
    charts = view["compareRunCharts"]
    parallel = [one["selectedMetrics"][:1] for one in charts if one["type"] == "PARALLEL"]
    assert parallel == [[name] for name in NAMES]
    assert [one["yaxis"]["key"] for one in charts if one["type"] == "SCATTER"] == NAMES


NAMES = ["top1", "wer", "f1"]


def tags_of_view(store, experiment, view):
    return tags(store, experiment)[TAG + view]


def test_many_kinds_of_jobs_fit_into_a_tag(store, experiment):
    for number in range(30):
        tags = {"inc.role": "job", "inc.metrics": json.dumps([f"metric number {number}"])}
        store.client.create_run(experiment, start_time=number, tags=tags)
    assert write_views(store.client, experiment, ("metric number 29",)) is None
    assert len(tags_of_view(store, experiment, TRADEOFF)) < 5000
