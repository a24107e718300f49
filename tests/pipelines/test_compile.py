"""The Kubeflow package of the example, as `inc-mlflow compile` writes it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from inc_mlflow.spec import JobSpec

ROOT = Path(__file__).parents[2]
JOB = Path("examples/digits/job.yaml")
GOLDEN = Path(__file__).parent / "golden" / "int8.yaml"
REGENERATE = f"inc-mlflow compile {JOB} -o {GOLDEN.relative_to(ROOT)}"
PROGRAM = Path(sys.executable).with_name("inc-mlflow")
PURE = {"quantize", "gate"}
"""Tasks that KFP may answer from its cache: they measure nothing and talk to no server."""


def compiled(target, *options):
    command = [PROGRAM, "compile", JOB, "-o", target, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    path = tmp_path_factory.mktemp("package") / "int8.yaml"
    done = compiled(path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def ir(package):
    return yaml.safe_load(package.read_text())


@pytest.fixture(scope="module")
def tasks(ir):
    """All tasks of the graph by name, also those inside conditions."""
    graphs = [ir["root"]["dag"], *(one["dag"] for one in ir["components"].values() if "dag" in one)]
    return {name: task for graph in graphs for name, task in graph["tasks"].items()}


@pytest.fixture(scope="module")
def executors(ir):
    return ir["deploymentSpec"]["executors"]


def test_compiling_twice_gives_the_same_bytes(package, tmp_path):
    assert compiled(tmp_path / "again.yaml").returncode == 0
    assert (tmp_path / "again.yaml").read_bytes() == package.read_bytes()


def test_the_package_is_the_one_that_was_reviewed(package):
    assert package.read_text() == GOLDEN.read_text(), f"the package changed; look at the difference of: {REGENERATE}"


def test_with_json_compile_prints_one_object(tmp_path):
    done = compiled(tmp_path / "int8.yaml", "--json")
    assert json.loads(done.stdout) == {"package": str(tmp_path / "int8.yaml"), "pipeline": "int8"}


def test_an_unknown_pipeline_is_refused_in_one_line_and_writes_nothing(tmp_path):
    done = compiled(tmp_path / "int8.yaml", "--pipeline", "int9")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "did you mean 'int8'?" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_target_below_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = compiled(tmp_path / "file" / "int8.yaml")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_no_step_installs_anything(executors):
    for name, executor in executors.items():
        text = " ".join([*executor["container"]["command"], *executor["container"]["args"]])
        assert not re.search(r"\bpip3?\b.*\binstall\b", text), name
        assert "ensurepip" not in text, name


def test_every_step_runs_in_the_image_of_the_components(executors):
    from inc_mlflow.components._base import IMAGE

    assert {executor["container"]["image"] for executor in executors.values()} == {IMAGE}


def test_every_step_that_measures_or_talks_to_a_server_is_never_answered_from_a_cache(tasks):
    cached = {name for name, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")}
    assert cached <= PURE
    live = {"import-model", "fetch-champion", "calibrate", "evaluate", "benchmark", "track", "promote"}
    assert live <= set(tasks)
    assert all(tasks[name]["cachingOptions"].get("enableCache", False) is False for name in live)


def test_promotion_stands_under_the_condition_that_the_gate_says_pass(ir):
    holders = [name for name, one in ir["components"].items() if "promote" in one.get("dag", {}).get("tasks", {})]
    assert "promote" not in ir["root"]["dag"]["tasks"]
    assert len(holders) == 1
    condition = next(task for task in ir["root"]["dag"]["tasks"].values() if task["componentRef"]["name"] == holders[0])
    assert condition["triggerPolicy"]["condition"] == "inputs.parameter_values['pipelinechannel--gate-Output'] == 'pass'"
    source = condition["inputs"]["parameters"]["pipelinechannel--gate-Output"]["taskOutputParameter"]
    assert source == {"outputParameterKey": "Output", "producerTask": "gate"}


def test_nothing_but_promotion_is_conditional(ir):
    graphs = [one["dag"] for one in ir["components"].values() if "dag" in one]
    assert [list(graph["tasks"]) for graph in graphs] == [["promote"]]


def before(tasks, name):
    """All tasks that end before this one starts."""
    direct = tasks[name].get("dependentTasks", [])
    return set(direct).union(*(before(tasks, one) for one in direct))


def test_nothing_else_runs_while_speed_is_measured(tasks, ir):
    assert "evaluate" in before(tasks, "benchmark")
    graph = ir["root"]["dag"]["tasks"]
    for name in set(graph) - {"benchmark"}:
        assert name in before(tasks, "benchmark") or "benchmark" in before(tasks, name), name


def test_runs_are_logged_after_the_verdict_and_promoted_after_that(tasks, ir):
    assert "gate" in before(tasks, "track")
    condition = next(name for name, task in ir["root"]["dag"]["tasks"].items() if "triggerPolicy" in task)
    assert "track" in before(tasks, condition)


def test_the_job_travels_as_its_canonical_text(ir):
    parameters = ir["root"]["inputDefinitions"]["parameters"]
    text = parameters["job"]["defaultValue"]
    assert parameters["job"]["parameterType"] == "STRING"
    assert text == JobSpec.load(ROOT / JOB).to_text()
    assert JobSpec.from_text(text).to_text() == text


def test_every_task_gets_job_and_root(tasks):
    for name, task in tasks.items():
        if "triggerPolicy" not in task:
            assert {"job", "root"} <= set(task["inputs"]["parameters"]), name


def test_the_package_names_nothing_of_this_machine(package):
    text = package.read_text()
    assert str(ROOT) not in text
    assert str(Path.home()) + "/" not in text
    assert sys.prefix not in text
