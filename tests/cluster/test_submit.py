"""submit and wait against a stub of Kubeflow's API server."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from inc_mlflow.pipelines.endpoint import Endpoint
from inc_mlflow.pipelines.submit import RunOptions, start
from tests.cluster.kubeflow_stub import API, json_error

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
MLFLOW = "http://mlflow.invalid"


@pytest.fixture
def placed(tmp_path):
    """A package of two documents: what runs, and where Kubernetes puts it."""
    from kfp import compiler, dsl, kubernetes

    @dsl.container_component
    def step():
        return dsl.ContainerSpec("image", ["true"])

    @dsl.pipeline(name="one")
    def one():
        kubernetes.add_node_selector(step(), "kubernetes.io/arch", "arm64")

    compiler.Compiler().compile(one, str(tmp_path / "package.yaml"))
    return tmp_path / "package.yaml"


def submitted(kubeflow):
    """Return the one run that arrived."""
    (run,) = kubeflow.posts("/runs")
    assert len(kubeflow.posts("/experiments")) == 1
    return run


def test_exactly_one_experiment_and_one_run_arrive(submit, kubeflow, tmp_path, digits):
    (tmp_path / "token").write_text("secret-token\n")
    code, out, err = submit(
        "--token-file",
        tmp_path / "token",
        "--experiment",
        "exp",
        "--run-name",
        "my run",
        "--service-account",
        "sa",
    )
    assert code == 0, err
    run = submitted(kubeflow)
    (run_id,) = kubeflow.runs
    assert out == f"run: {run_id}\nurl: {kubeflow.url}/#/runs/details/{run_id}\n"
    assert {one.headers["authorization"] for one in kubeflow.asked} == {"Bearer secret-token"}
    assert run.body["display_name"] == "my run"
    assert run.body["service_account"] == "sa"
    assert run.body["experiment_id"] in kubeflow.experiments
    assert run.body["runtime_config"] == {"parameters": {}, "pipeline_root": f"file://{tmp_path}/store"}
    job = json.loads(spec_of(run)["root"]["inputDefinitions"]["parameters"]["job"]["defaultValue"])
    assert set(job["bundle"]["files"]) == {"fp32.onnx", "calib.npz", "tune.npz", "dev.npz"}
    assert job["tracking"]["uri"] == MLFLOW, "pods talk to the server that is meant here"
    assert "secret-token" not in json.dumps(run.body) + out + err
    assert str(digits.parent) not in json.dumps(run.body)


def test_images_that_nobody_can_pull_are_refused_before_anything_is_sent(submit, kubeflow, monkeypatch):
    monkeypatch.delenv("INC_MLFLOW_IMAGES")
    code, out, err = submit()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "images.lock: no digest of onnxruntime" in err
    assert not kubeflow.asked


def spec_of(run):
    return run.body["pipeline_spec"].get("pipeline_spec", run.body["pipeline_spec"])


def test_both_documents_arrive(kubeflow, placed):
    start(placed, Endpoint(kubeflow.url, kubeflow.url, None, None), RunOptions("exp", "run"))
    spec, platform = yaml.safe_load_all(placed.read_text())
    arrived = submitted(kubeflow).body["pipeline_spec"]
    assert arrived["pipeline_spec"]["root"] == spec["root"]
    assert arrived["platform_spec"] == platform
    assert "arm64" in json.dumps(arrived["platform_spec"])


def test_a_second_submit_makes_a_run_and_no_experiment(submit, kubeflow):
    assert [submit()[0], submit()[0]] == [0, 0]
    assert (len(kubeflow.posts("/experiments")), len(kubeflow.posts("/runs"))) == (1, 2)
    names = {run["display_name"] for run in kubeflow.runs.values()}
    assert len(names) == 2
    assert all(name.startswith("digits ") for name in names)


@pytest.mark.parametrize("path", ["/runs", "/experiments"])
def test_a_lost_answer_makes_nothing_twice(submit, kubeflow, path):
    kubeflow.lost.add(API + path)
    code, out, err = submit("--run-name", "again")
    assert code == 0, err
    submitted(kubeflow)
    assert next(iter(kubeflow.runs)) in out


def answer_once(kubeflow, monkeypatch, path, instead):
    """Do what the next POST asks for, and give another answer."""
    usual, waiting = kubeflow.answer, [API + path]

    def answer(asked):
        done = usual(asked)
        if asked.method == "POST" and asked.path in waiting:
            waiting.clear()
            return instead
        return done

    monkeypatch.setattr(kubeflow, "answer", answer)


@pytest.mark.parametrize("path", ["/runs", "/experiments"])
def test_nor_does_a_gateway_that_gave_up(submit, kubeflow, monkeypatch, path):
    answer_once(kubeflow, monkeypatch, path, (504, "text/html", b"<html>"))
    code, out, err = submit("--run-name", "again")
    assert code == 0, err
    submitted(kubeflow)
    assert next(iter(kubeflow.runs)) in out


def test_an_experiment_that_somebody_else_makes_at_the_same_moment_is_taken(submit, kubeflow, monkeypatch):
    answer_once(kubeflow, monkeypatch, "/experiments", json_error(409, "already exists"))
    assert submit()[0] == 0
    submitted(kubeflow)


def test_an_older_run_of_that_name_is_not_taken_for_the_lost_one(submit, kubeflow):
    submit("--run-name", "again")
    (old,) = kubeflow.runs
    kubeflow.lost.add(f"{API}/runs")
    code, out, err = submit("--run-name", "again", "--json")
    assert code == 0, err
    assert json.loads(out)["run"] in set(kubeflow.runs) - {old}


def test_a_lost_answer_without_a_run_is_refused_and_not_tried_again(submit, kubeflow, monkeypatch):
    kubeflow.lost.add(f"{API}/runs")
    monkeypatch.setattr(type(kubeflow), "_made", forgetful(type(kubeflow)._made))
    code, _, err = submit("--run-name", "again")
    assert code == 2
    assert "did not answer (('Connection aborted.'" in err.splitlines()[-1]
    assert "and has no new runs called 'again'; look at" in err.splitlines()[-1]
    assert len(kubeflow.posts("/runs")) == 1


def forgetful(made):
    def inner(self, table, key, asked, plural):
        answer = made(self, table, key, asked, plural)
        if asked.method == "POST" and plural == "runs":
            table.clear()
        return answer

    return inner


def test_with_json_submit_prints_one_object_and_says_the_rest_elsewhere(submit, kubeflow):
    code, out, err = submit("--json")
    assert code == 0
    assert set(json.loads(out)) == {"run", "url"}
    assert "  fp32.onnx  0.40 MB" in err


def test_environment_variables_of_kubeflow_are_honoured(call, digits, kubeflow, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("from-the-environment")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", kubeflow.url)
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "https://ui/pipeline")
    monkeypatch.setenv("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME", "shared")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    code, out, err = call("submit", digits, "--pipeline-root", f"file://{tmp_path}/store", "--json")
    assert code == 0, err
    assert json.loads(out)["url"].startswith("https://ui/pipeline/#/runs/details/")
    assert {one["display_name"] for one in kubeflow.experiments.values()} == {"shared"}
    assert kubeflow.asked[-1].headers["authorization"] == "Bearer from-the-environment"


def test_options_come_before_the_environment(submit, kubeflow, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("option")
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", "http://nowhere.invalid")
    monkeypatch.setenv("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME", "shared")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "nothing"))
    code, _, err = submit("--experiment", "mine", "--token-file", tmp_path / "token")
    assert code == 0, err
    assert {one["display_name"] for one in kubeflow.experiments.values()} == {"mine"}
    assert kubeflow.asked[-1].headers["authorization"] == "Bearer option"


def test_in_a_pod_the_clusters_own_server_is_meant(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert Endpoint.of(None, None, None).host == "http://ml-pipeline.kubeflow.svc.cluster.local:8888"


def test_where_a_server_has_several_users_the_namespace_travels(submit, kubeflow):
    kubeflow.multi_user = True
    code, _, err = submit("--namespace", "team-a")
    assert code == 0, err
    assert kubeflow.posts("/experiments")[0].body["namespace"] == "team-a"
    assert {
        one.query["namespace"]
        for one in kubeflow.asked
        if (one.method, one.path) == ("GET", f"{API}/experiments")
    } == {"team-a"}


def test_compile_for_a_cluster_takes_local_files_along_or_refuses_them(refused, call, digits, tmp_path):
    text = digits.read_text()
    assert "pools:" not in text
    digits.write_text(f"{text}\npools: [intel]\n")
    package = tmp_path / "package.yaml"
    refused(
        "compile",
        digits,
        "-o",
        package,
        holds=["model: fp32.onnx is a local path, a cluster cannot see it; use submit"],
    )
    assert not package.exists()
    code, _, err = call("compile", digits, "-o", package, "--bundle", f"file://{tmp_path}/store")
    assert code == 0, err
    assert f"file://{tmp_path}/store/inc-mlflow/files" in package.read_text()
    assert Path(f"{tmp_path}/store/inc-mlflow/files").is_dir()
