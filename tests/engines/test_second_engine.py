"""An engine that only this test defines runs whole jobs, beside ONNX Runtime too, without a line of it
elsewhere."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from tests.support.brief_benchmarks import brief
from tests.support.installed_packages import install

MODULE = Path(__file__).with_name("numpy_engine.py")
ENTRIES = {
    "inc_mlflow.engines/numpy": "numpy_engine:ENTRY",
    "inc_mlflow.methods/numpy.int8": "numpy_engine:INT8_ROW",
    "inc_mlflow.methods/numpy.int8_static": "numpy_engine:STATIC_ROW",
}
WIDTH, HIDDEN, CLASSES = 256, 4096, 10
ROWS = {"calibration": 20, "tuning": 200, "validation": 600}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def layers():
    random = np.random.default_rng(0)
    hidden = random.normal(size=(WIDTH, HIDDEN)) / np.sqrt(WIDTH)
    out = random.normal(size=(HIDDEN, CLASSES)) / np.sqrt(HIDDEN)
    return {"hidden": hidden.astype("f4"), "out": out.astype("f4")}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return install(tmp_path_factory.mktemp("installed"), "numpy_engine", MODULE.read_text(), ENTRIES)


@pytest.fixture
def folder(tmp_path, layers):
    """A job's folder: the layers as a folder and as an ONNX file, and rows whose class is plain."""
    random = np.random.default_rng(1)
    for split, count in ROWS.items():
        x = random.normal(size=(4 * count, WIDTH)).astype("f4")
        logits = np.sort(np.maximum(x @ layers["hidden"], 0) @ layers["out"], axis=1)
        plain = np.argsort(logits[:, -2] - logits[:, -1])[:count]
        label = (np.maximum(x @ layers["hidden"], 0) @ layers["out"]).argmax(1)
        np.savez(tmp_path / f"{split}.npz", x=x[plain], label=label[plain])
    (tmp_path / "dense").mkdir()
    np.savez(tmp_path / "dense" / "dense.npz", **layers)
    onnx.save(_graph(layers), tmp_path / "fp32.onnx")
    return tmp_path


def _graph(layers):
    nodes = [
        helper.make_node("MatMul", ["x", "hidden"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "clip"),
        helper.make_node("MatMul", ["b", "out"], ["logits"], "second"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name, width in (("x", WIDTH), ("logits", CLASSES))
    ]
    weights = [numpy_helper.from_array(value, name) for name, value in layers.items()]
    graph = helper.make_graph(nodes, "dense", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def job(folder, **changes):
    data = {split: {"path": f"{split}.npz"} for split in ROWS}
    spec = {
        "version": 1,
        "name": "dense",
        "model": "dense",
        "engines": ["numpy"],
        "data": data,
        "metric": "top1",
    }
    spec |= {"recipes": [{"method": "int8"}, {"method": "int8_static"}], "gate": {"max_relative_drop": 0.02}}
    (folder / "job.yaml").write_text(yaml.safe_dump(spec | changes, sort_keys=False))
    return folder / "job.yaml"


@pytest.fixture
def program(package, tmp_path):
    def run(*arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
        environment |= {"OPENBLAS_NUM_THREADS": "1"}  # a thread inside an operator, as the layout asks
        environment |= brief(package, Path(__file__).parents[2])
        command = [sys.executable, "-c", "from inc_mlflow.cli import main; main()", *map(str, arguments)]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


def logged(folder):
    """The store of the job, and all its runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries behind MLflow
        import mlflow

        store = f"sqlite:///{folder}/.inc-mlflow/mlflow.db"
        client = mlflow.MlflowClient(store, registry_uri=store)
        runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    return client, runs


def test_a_whole_job_runs_to_a_promoted_alias(program, folder):
    done = program("run", job(folder), "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["table"][0]["recipe"] == "baseline"
    assert {row["engine"] for row in result["table"]} == {"numpy"}
    assert {row["recipe"] for row in result["table"][1:]} == {"int8 per-channel", "int8 static"}
    assert result["verdict"] == "pass"
    assert result["champion"]["sha256"] == result["best"]["sha256"]
    client, runs = logged(folder)
    champion = client.get_model_version_by_alias("dense", "int8-champion")
    assert champion.tags["inc.sha256"] == result["champion"]["sha256"]
    assert client.get_logged_model(champion.tags["inc.model_id"]).params["inc.engine"] == "numpy"
    candidates = [run for run in runs if run.data.tags.get("inc.role") == "candidate"]
    assert len(candidates) == 2
    assert all(run.data.params["inc.engine"] == "numpy" for run in candidates)
    assert all("inc.runtime.numpy-engine" in run.data.params for run in candidates)
    again = program("run", job(folder), "--fresh", "--json")
    assert again.returncode in {0, 4}, again.stderr[-3000:]
    assert len(json.loads(again.stdout)["table"]) == 3, (
        "the champion is a candidate, and runs beside the other"
    )


def test_a_search_tries_what_the_engine_offers(program, folder):
    done = program("search", job(folder, recipes="auto"), "--out", folder / "found", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    tried = {one["label"] for one in json.loads(done.stdout)["trials"]}
    assert tried == {"int8 per-channel", "int8 per-tensor", "int8 static"}


def test_both_engines_share_one_table_and_the_fastest_baseline(program, folder):
    recipes = [{"method": "int8"}, {"method": "dynamic"}]
    path = job(folder, model="fp32.onnx", engines=["onnxruntime", "numpy"], recipes=recipes)
    done = program("run", path, "--json")
    assert done.returncode in {0, 3, 4}, done.stderr[-3000:]
    table = json.loads(done.stdout)["table"]
    assert [(row["recipe"], row["engine"]) for row in table[:2]] == [
        ("baseline", "onnxruntime"),
        ("baseline numpy", "numpy"),
    ]
    assert {(row["recipe"], row["engine"]) for row in table[2:]} == {
        ("int8 per-channel", "numpy"),
        ("dynamic s8 per-channel", "onnxruntime"),
    }
    fastest = max(table[:2], key=lambda row: row["speedup"]["value"])
    assert fastest["recipe"] == "baseline", "ONNX Runtime in single precision beats NumPy in double"
    assert fastest["speedup"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert table[1]["speedup"]["value"] < 1
    assert all(row["verdict"] is None for row in table[:2])
    record = json.loads(next((folder / ".inc-mlflow").glob("*/benchmark/record.json")).read_text())
    assert record["against"] == "baseline"
    assert record["conditions"]["settings"]["intra_op_threads"] == 1
    assert record["conditions"]["other_settings"] == {"numpy": {"threads": 1}}


def test_it_is_listed_and_in_the_schema(program):
    assert json.loads(program("list", "engines", "--json").stdout)["numpy"].startswith(
        "NumPy: two dense layers"
    )
    assert {"int8", "int8_static"} <= set(json.loads(program("list", "methods", "--json").stdout))
    schema = json.loads(program("schema").stdout)
    assert {"Int8", "Int8Static", "Static", "Dynamic"} <= set(schema["$defs"])


def test_auto_takes_all_engines_that_take_the_source(program, folder):
    found = program("gate", "--plan", "--job", job(folder, engines="auto"), "--json")
    assert found.returncode == 0, found.stderr
    refused = program("run", job(folder, engines=["numpy", "onnxruntime"]))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "model: 'dense' is not an .onnx file" in refused.stderr


def test_without_its_package_it_is_refused_in_one_line(tmp_path, folder):
    row = 'ENTRY = EngineEntry("numpy_engine.inner:ENGINE", "NumPy", extra="fast", needs=("absent_library",))'
    code = f"from inc_mlflow.registry.engines import EngineEntry\n{row}\n"
    package = install(
        tmp_path / "broken", "numpy_engine", code, {"inc_mlflow.engines/numpy": "numpy_engine:ENTRY"}
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(package), str(Path(__file__).parents[2])])}
    command = [sys.executable, "-c", "from inc_mlflow.cli import main; main()", "run"]
    path = job(folder, recipes=[{"method": "static"}])
    done = subprocess.run([*command, str(path)], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert (
        "engines: 'numpy' needs the package 'absent_library'; pip install 'numpy_engine[fast]'" in done.stderr
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"engines": ["nunpy"]}, "engines: no 'nunpy', did you mean 'numpy'?; there are numpy, onnxruntime"),
        (
            {"recipes": [{"method": "static", "engine": "onnxruntime"}]},
            "is for onnxruntime; the job's engines are numpy",
        ),
        ({"pools": ["local", {"emulate": "x86-avx2"}]}, "emulation of x86-avx2: numpy cannot emulate CPUs"),
        ({"model": "other"}, "model: 'other' is no folder of dense layers"),
    ],
)
def test_what_it_cannot_do_is_one_line(program, folder, changes, says):
    done = program("run", job(folder, **changes))
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
