"""Components are thin shells: they find their job and call one step."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kfp import compiler

from inc_mlflow.components import COMPONENTS
from inc_mlflow.components._base import container
from inc_mlflow.pipelines.images import reference
from tests.support.paths import ROOT

JOB = ROOT / "examples" / "digits" / "job.yaml"
FILES = sorted(
    path for path in (ROOT / "components").glob("*.py") if path.name not in {"__init__.py", "_base.py"}
)
LINES = 60
ALONE = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from kfp import local
from inc_mlflow.components.import_model import import_model
from inc_mlflow.spec import Job
job = Job.load(Path(sys.argv[1]))
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2])
task = import_model(job=job.spec.to_text(), root=str(job.root))
print("TARGET", task.outputs["baseline"].path, file=sys.stderr)
"""
STRANGER = """
import sys
from kfp import compiler, components, dsl
folder, target = sys.argv[1:]
import_model = components.load_component_from_file(f"{folder}/import_model.yaml")
calibrate = components.load_component_from_file(f"{folder}/calibrate.yaml")

@dsl.pipeline
def stranger(job: str):
    calibrate(job=job, root=".", baseline=import_model(job=job, root=".").outputs["baseline"])

compiler.Compiler().compile(stranger, f"{target}/stranger.yaml")
assert not any(name.startswith("inc_mlflow") for name in sys.modules)
"""


def is_component(node):
    return isinstance(node, ast.FunctionDef) and any(
        ast.unparse(one) == "component" for one in node.decorator_list
    )


def component_of(path):
    return [node for node in ast.parse(path.read_text()).body if is_component(node)]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request):
    return request.param


@pytest.fixture
def function(file):
    return component_of(file)[0]


def test_every_file_is_a_component_of_the_table_and_has_a_yaml_file():
    names = {path.stem for path in FILES}
    assert names == set(COMPONENTS)
    assert names == {path.stem for path in (ROOT / "components" / "yaml").glob("*.yaml")}


def test_a_file_holds_one_component_in_few_lines(file):
    assert len(component_of(file)) == 1
    assert len(file.read_text().splitlines()) <= LINES


def test_a_component_says_what_it_does(file, function):
    assert ast.get_docstring(ast.parse(file.read_text()))
    assert ast.get_docstring(function)


def test_a_component_decides_nothing(function):
    decisions = (
        ast.If,
        ast.For,
        ast.While,
        ast.Try,
        ast.With,
        ast.Match,
        ast.IfExp,
        ast.FunctionDef,
        ast.Lambda,
    )
    found = [
        type(node).__name__ for one in function.body for node in ast.walk(one) if isinstance(node, decisions)
    ]
    assert found == []


def test_a_component_imports_what_it_uses_inside_its_body(file, function):
    """KFP copies the source of the body alone."""
    inside = {
        alias.asname or alias.name
        for node in function.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    outside = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    used = {node.id for one in function.body for node in ast.walk(one) if isinstance(node, ast.Name)}
    assert "load_job" in inside
    assert not used & (outside - inside)


def test_a_component_calls_one_step(function):
    steps = {
        alias.name
        for node in function.body
        if isinstance(node, ast.ImportFrom)
        and node.module.startswith("inc_mlflow.steps.")
        and node.module != "inc_mlflow.steps.step"
        for alias in node.names
    }
    assert len(steps) == 1


def test_a_component_is_known_by_the_name_of_its_file(file):
    assert file.stem in COMPONENTS
    assert COMPONENTS.get(file.stem).python_func.__name__ == file.stem


def test_a_component_is_used_by_a_pipeline(file):
    used = "".join(path.read_text() for path in (ROOT / "pipelines").glob("*.py"))
    assert f'"{file.stem}"' in used


def test_inline_and_container_form_have_the_same_inputs_and_outputs(file):
    inline, contained = COMPONENTS.get(file.stem), container(file.stem, "image@sha256:0")
    assert contained.component_spec.inputs == inline.component_spec.inputs
    assert contained.component_spec.outputs == inline.component_spec.outputs
    assert contained.description == inline.description


def test_the_component_yaml_is_the_one_that_make_docs_writes(file, tmp_path):
    compiler.Compiler().compile(container(file.stem, reference("onnxruntime")), str(tmp_path / "made.yaml"))
    shipped = ROOT / "components" / "yaml" / f"{file.stem}.yaml"
    assert shipped.read_text() == (tmp_path / "made.yaml").read_text(), "run `make docs`"


def test_there_is_no_component_yaml_of_something_else():
    assert {path.stem for path in (ROOT / "components" / "yaml").iterdir()} == set(COMPONENTS)


def test_a_stranger_builds_a_pipeline_from_the_component_yaml(tmp_path):
    """With nothing of this package: only KFP and the files."""
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, ROOT / "components" / "yaml", tmp_path], text=True, check=False
    )
    assert done.returncode == 0
    ir = next(yaml.safe_load_all((tmp_path / "stranger.yaml").read_text()))
    args = [one["container"]["args"] for one in ir["deploymentSpec"]["executors"].values()]
    assert args == [["--executor-input", "{{$}}"]] * 2


@pytest.mark.parametrize("folder", ["components", "pipelines"])
def test_annotations_are_read_by_kubeflow_and_so_are_not_postponed(folder):
    for path in (ROOT / folder).glob("*.py"):
        futures = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not any(node.module == "__future__" for node in futures), path.name


@pytest.mark.slow
def test_a_component_works_alone_without_a_state_folder(tmp_path):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("INC_MLFLOW", "MLFLOW"))
    }
    done = subprocess.run(
        [sys.executable, "-c", ALONE, JOB, tmp_path / "root"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    target = Path(done.stderr.rpartition("TARGET ")[2].strip())
    assert target.is_relative_to(tmp_path)
    assert not target.is_symlink()
    assert {path.name for path in target.iterdir()} == {"example.npz", "model.onnx", "record.json"}
    record = json.loads((target / "record.json").read_text())
    assert record["baselines"][0]["facts"]["opset"] >= 17
    assert record["source_error"] is None
