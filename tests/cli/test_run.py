"""The whole job on the digits example: one finished run, looked at from all sides."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from inc_mlflow.pipelines.stored import latest_leaderboard
from inc_mlflow.spec import Job
from tests.support.report_pages import ReadPage, numbers_in

pytestmark = pytest.mark.slow
KEYS = ["verdict", "reasons", "champion", "best", "table", "tracking", "seconds", "metric", "metrics"]
ROW = [
    "recipe",
    "path",
    "sha256",
    "accuracy",
    "relative_drop",
    "speedup",
    "source_speedup",
    "size_bytes",
    "verdict",
    "reasons",
]
LABELS = {
    "baseline",
    "static u8s8 per-channel",
    "static u8s8 QOperator per-channel",
    "dynamic s8 per-channel",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_work, run_program):
    """The directory of a job that has run, and what its process said."""
    work = make_work(tmp_path_factory.mktemp("finished") / "job")
    ci = ("--summary", work.folder / "summary.md", "--junit", work.folder / "junit.xml")
    return work, run_program("run", work.job, "--json", *ci)


@pytest.fixture(scope="module")
def work(finished):
    return finished[0]


@pytest.fixture(scope="module")
def result(finished):
    assert finished[1].returncode == 0, finished[1].stderr[-600:]
    return json.loads(finished[1].stdout)


def test_prints_the_contract(result):
    assert list(result) == KEYS
    assert (result["verdict"], result["best"]["verdict"]) == ("pass", "pass")
    assert result["reasons"] == result["best"]["reasons"] != []
    assert sorted(result["tracking"]) == ["experiment_url", "leaderboard_url", "tradeoff_url"]
    assert all(seconds >= 0 for seconds in result["seconds"].values())
    steps = [
        "baseline",
        "champion",
        "ranges",
        "candidates",
        "evaluation",
        "benchmark",
        "judgement",
        "tracking",
        "promotion",
    ]
    assert list(result["seconds"]) == steps


def test_the_page_begins_with_the_leaderboard(work, result):
    shown = latest_leaderboard(work.folder.resolve() / ".inc-mlflow" / "mlflow.db")
    assert shown.startswith("/#/experiments/")
    assert result["tracking"]["leaderboard_url"].endswith(shown)
    assert latest_leaderboard(work.folder / "another" / "mlflow.db") is None


def test_ci_gets_the_verdict_as_markdown_and_as_tests(work, result):
    text = (work.folder / "summary.md").read_text()
    assert text.startswith(f"## {Job.load(work.job).spec.name}: pass\n")
    assert all(reason in text for reason in result["reasons"])
    suite = ElementTree.parse(work.folder / "junit.xml").getroot()[0]
    assert {case.get("name") for case in suite} == {"verdict", *LABELS} - {"baseline"}
    assert (suite.get("tests"), suite.get("failures")) == (str(len(suite)), "0")


def test_table(result):
    baseline, *rows = result["table"]
    assert {row["recipe"] for row in result["table"]} == LABELS
    assert (baseline["recipe"], baseline["verdict"], baseline["reasons"]) == ("baseline", None, [])
    assert rows[0] == result["best"]
    for row in result["table"]:
        assert list(row) == ["recipe", "engine", *ROW[1:], "per_pool", "metrics"]
        assert list(row["per_pool"]) == ["local"]
        assert list(row["per_pool"]["local"]) == [
            "accuracy",
            "relative_drop",
            "speedup",
            "verdict",
            "metrics",
        ]
        for name in ("accuracy", "relative_drop", "speedup", "source_speedup"):
            interval = row[name]
            assert list(interval) == ["value", "low", "high"]
            assert interval["low"] <= interval["value"] <= interval["high"]
        assert Path(row["path"]).stat().st_size == row["size_bytes"]
    order = {"pass": 0, "inconclusive": 1, "fail": 2}
    ranks = [order[row["verdict"]] for row in rows]
    assert ranks == sorted(ranks)
    for one, later in itertools.combinations(rows, 2):  # overlapping intervals tell no order
        assert one["verdict"] != later["verdict"] or one["speedup"]["high"] >= later["speedup"]["low"]


def test_champion(result):
    champion = result["champion"]
    assert {name: champion[name] for name in result["best"]} == result["best"]
    assert (champion["registered_model"], champion["version"]) == ("digits", "1")


def test_notes_go_to_standard_error(finished):
    assert "500 validation rows, allowed drop 1 %" in finished[1].stderr
    assert "Traceback" not in finished[1].stderr


LOOK = """
import hashlib, json, mlflow, sys
from pathlib import Path
uri, folder = sys.argv[1:]
mlflow.set_tracking_uri(uri)
client = mlflow.MlflowClient()
(model,) = client.search_registered_models()
experiment = client.get_experiment_by_name("digits")
runs = client.search_runs([experiment.experiment_id])
version = client.get_model_version_by_alias("digits", "int8-champion")
path = Path(mlflow.artifacts.download_artifacts("models:/digits@int8-champion", dst_path=folder))
print(json.dumps({
    "model": model.name,
    "aliases": model.aliases,
    "versions": [v.version for v in client.search_model_versions("name = 'digits'")],
    "tags": version.tags,
    "runs": {r.info.run_id: {"status": r.info.status, "tags": r.data.tags, "params": r.data.params,
                             "metrics": r.data.metrics, "outputs": len(r.outputs.model_outputs),
                             "texts": [f.path for f in client.list_artifacts(r.info.run_id) if not f.is_dir]}
             for r in runs},
    "sha256": hashlib.sha256((path / "model.onnx").read_bytes()).hexdigest(),
}))
"""


def look(work, folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    ended = subprocess.run(
        [sys.executable, "-c", LOOK, f"sqlite:///{work.state / 'mlflow.db'}", str(folder)],
        capture_output=True,
        text=True,
        env=environment | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        cwd=folder,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def store(work, result, tmp_path_factory):
    return look(work, tmp_path_factory.mktemp("download"))


def children(store):
    return {key: run for key, run in store["runs"].items() if "mlflow.parentRunId" in run["tags"]}


def of_role(store, role):
    return [run for run in store["runs"].values() if run["tags"]["inc.role"] == role]


def test_store_holds_one_parent_and_a_child_per_candidate(store, result):
    assert {run["status"] for run in store["runs"].values()} == {"FINISHED"}
    parents = set(store["runs"]) - set(children(store))
    assert len(parents) == 1
    assert {run["tags"]["mlflow.parentRunId"] for run in children(store).values()} == parents
    rows = {row["sha256"]: row for row in result["table"][1:]}
    assert [run["outputs"] for run in of_role(store, "baseline")] == [1]
    assert len(of_role(store, "measurement")) == len(result["table"])
    assert {run["params"]["inc.sha256"] for run in of_role(store, "candidate")} == set(rows)
    for run in of_role(store, "candidate"):
        row = rows[run["params"]["inc.sha256"]]
        assert run["tags"]["mlflow.runName"] == row["recipe"]
        assert run["metrics"]["accuracy"] == row["accuracy"]["value"]
        assert run["metrics"]["speedup_low"] == row["speedup"]["low"]
        assert run["outputs"] == 1
        slow = ["why_slow.json", "why_slow.md"] if row["speedup"]["value"] < 1 else []
        assert run["texts"] == ["saturation.json", "saturation.md", *slow]
        assert bool(slow) == (" goes to " in row["reasons"][-1])


def test_store_holds_one_version_with_the_alias(store):
    assert (store["model"], store["versions"]) == (
        "digits",
        ["1"] if isinstance(store["versions"][0], str) else [1],
    )
    assert list(store["aliases"]) == ["int8-champion"]
    assert str(store["aliases"]["int8-champion"]) == "1"


def test_downloaded_model_is_the_one_that_was_judged(store, result):
    assert store["sha256"] == result["best"]["sha256"] == store["tags"]["inc.sha256"]


def times_of_steps(work):
    """When the pipeline's log and the files of its steps were written."""
    files = [*work.state.glob("*/kfp.log"), *work.state.glob("*/*/**/*")]
    assert any(file.name == "kfp.log" for file in files)
    return {file: file.stat().st_mtime_ns for file in files}


def test_second_run_prints_the_stored_result(work, result, run_program):
    written = times_of_steps(work)
    again = run_program("run", work.job, "--json")
    assert times_of_steps(work) == written, "no pipeline was started"
    assert (again.returncode, json.loads(again.stdout)) == (0, result)
    table = run_program("run", work.job)
    assert table.returncode == 0
    why = ("Why dynamic s8 per-channel is not faster:", "5 ConvInteger")
    for text in (*LABELS, *why, "pass", "Champion: digits version 1, alias int8-champion", "inc-mlflow ui"):
        assert text in table.stdout
    assert "Traceback" not in table.stderr


def test_the_report_has_every_number_of_the_result(work, result, answer, tmp_path):
    paths = answer("report", work.job, "-o", tmp_path / "new" / "report")
    page = ReadPage(Path(paths["html"]).read_text())
    assert numbers_in([result["table"], result["seconds"]]) - page.numbers == set()
    assert all(text in page.text for text in (*LABELS, *result["reasons"], result["best"]["sha256"]))
    assert "5 ConvInteger" in page.text, "why it is slow"
    assert len(Path(paths["csv"]).read_text().splitlines()) == 1 + 2 * len(result["table"])
    assert Path(paths["markdown"]).read_text().count("| dynamic s8 per-channel | onnxruntime |") == 1


def test_an_altered_result_is_not_reported(work, call, tmp_path):
    (stored,) = work.state.glob("*/result.json")
    kept = stored.read_bytes()
    stored.write_bytes(kept.replace(b"0.99", b"1.00"))
    try:
        code, out, err = call("report", work.job, "-o", tmp_path)
        assert (code, out) == (2, "")
        assert err.startswith(f"inc-mlflow: {stored}: damaged; inc-mlflow run ")
        assert err.count("\n") == 1
    finally:
        stored.write_bytes(kept)


def test_fresh_measures_again(work, result, store, run_program, tmp_path):
    ended = run_program("run", work.job, "--json", "--fresh")
    assert ended.returncode == 0, ended.stderr[-600:]
    again = json.loads(ended.stdout)
    assert {row["sha256"] for row in again["table"]} == {row["sha256"] for row in result["table"]}
    assert again["best"]["speedup"] != result["best"]["speedup"]
    after = look(work, tmp_path)
    assert len(after["runs"]) == 2 * len(store["runs"])
    assert len(children(after)) == 2 * len(children(store))
    assert {run["status"] for run in after["runs"].values()} == {"FINISHED"}
    if again["best"]["sha256"] == result["best"]["sha256"]:
        assert len(after["versions"]) == 1
    assert after["sha256"] == again["champion"]["sha256"]
