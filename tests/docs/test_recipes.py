"""The recipes of CONTRIBUTING work: what they show is installed as a package, and a job is run with it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from inc_mlflow.spec import JobSpec
from tests.support.brief_benchmarks import brief
from tests.support.installed_packages import install

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "digits"
PROGRAM = (sys.executable, "-c", "from inc_mlflow.cli import main; main()")
RECIPES = ("Add a metric", "Add a dataset format", "Add an engine")
LARGEST = 4
"""Inputs are written this many times too large, so that the option of the format has something to do."""
TIMES = """
from inc_mlflow.metrics.postprocess.postprocess import Postprocess
from inc_mlflow.registry import Entry


class Times(Postprocess):
    factor: float = 1.0

    reads = ("logits",)
    gives = ("logits",)

    def __call__(self, outputs, labels):
        return {"logits": outputs["logits"] * self.factor}


ENTRY = Entry("times:Times", "logits times a factor")
FAR = Entry("far_away:read", "needs a package that is not there", extra="far", suffixes=(".far",))
"""


def blocks(title):
    """The code of a recipe: a module with its name, and its entry points."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (entries,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    (name,) = re.findall(r'^"""(\w+)\.py"""$', code, re.MULTILINE)
    points = tomllib.loads(entries)["project"]["entry-points"]
    return name, code, {f"{group}/{row}": target for group in points for row, target in points[group].items()}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the packages of all recipes, a post-processing, and a row whose package is missing."""
    folder = tmp_path_factory.mktemp("site")
    for title in RECIPES:
        install(folder, *blocks(title))
    rows = {"inc_mlflow.postprocess/times": "times:ENTRY", "inc_mlflow.datasets/far": "times:FAR"}
    return install(folder, "times", TIMES, rows)


@pytest.fixture
def program(site):
    """Run the program on a machine with these packages."""

    def inner(*arguments):
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "INC_"))}
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=clean | brief(site, ROOT),
            check=False,
        )

    return inner


@pytest.fixture
def work(tmp_path):
    """A folder with the digits in the recipe's format; the fixture writes a job for them."""
    for name, rows in (("calib", 64), ("dev", 400)):
        with np.load(EXAMPLE / f"{name}.npz") as archive:
            images, labels = archive["image"][:rows] * LARGEST, archive["label"][:rows]
        lines = [
            json.dumps({"image": image.tolist(), "label": int(label)})
            for image, label in zip(images, labels, strict=True)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    (tmp_path / "fp32.onnx").write_bytes((EXAMPLE / "fp32.onnx").read_bytes())

    def inner(metric, **validation):
        split = {"path": "dev.jsonl", "transform": {"largest": LARGEST}}
        job = {
            "version": 1,
            "name": "recipes",
            "model": "fp32.onnx",
            "data": {"calibration": split | {"path": "calib.jsonl"}, "validation": split | validation},
            "metric": metric,
            "recipes": [{"method": "static"}],
            "benchmark": {"layout": "1s1c1ins8bs"},
        }
        (tmp_path / "job.yaml").write_text(json.dumps(job))
        return tmp_path / "job.yaml"

    return inner


@pytest.mark.parametrize(
    ("what", "name", "summary"),
    [
        (
            "metrics",
            "near",
            "share of rows whose best class is near the label (share, higher is better, per sample)",
        ),
        ("datasets", "jsonl", "one JSON object per line"),
        ("datasets", "far", "needs a package that is not there (extra: far)"),
        ("postprocess", "times", "logits times a factor"),
    ],
)
def test_the_rows_are_listed(program, what, name, summary):
    assert json.loads(program("list", what, "--json").stdout)[name] == summary


def test_the_schema_takes_a_job_with_them_and_no_other(program, work):
    validator = Draft202012Validator(json.loads(program("schema").stdout))

    def fits(metric, **validation):
        return validator.is_valid(json.loads(work(metric, **validation).read_text()))

    assert fits({"name": "near", "postprocess": "times"}, format="jsonl")
    assert fits("near")
    assert not fits("nera")
    assert not fits({"name": "near", "postprocess": "tmes"})
    assert not fits("near", format="jsnl")
    assert not fits("near", transform={"larges": 4})
    assert not Draft202012Validator(JobSpec.model_json_schema()).is_valid(
        json.loads(work("near").read_text())
    )


@pytest.mark.slow
def test_a_job_runs_with_them(program, work):
    """With distance 0 the metric is top1, whatever the logits are multiplied by."""
    near = {"name": "near", "options": {"distance": 0}, "postprocess": {"name": "times", "factor": 2}}
    ran = program("run", work(near), "--json")
    assert ran.returncode in {0, 3, 4}, ran.stderr[-2000:]
    rows = json.loads(ran.stdout)["table"]
    assert len(rows) == 2
    assert all(row["accuracy"]["value"] > 0.9 for row in rows)
    wrong = program("run", work({"name": "near", "postprocess": {"name": "times", "factor": -1}}), "--json")
    assert json.loads(wrong.stdout)["table"][0]["accuracy"]["value"] < 0.5


OPTION = """
import hashlib, sys
from pathlib import Path
from inc_mlflow.engines.engine import MethodData
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.spec import JobSpec, parse_recipe

assert "symmetric_activations" in JobSpec.model_json_schema()["$defs"]["Static"]["properties"]
engine, folder = ENGINES.get("onnxruntime"), Path(sys.argv[2])
engine.import_source(Path(sys.argv[1]) / "fp32.onnx", folder)
import numpy as np
rows = np.load(Path(sys.argv[1]) / "calib.npz")["image"][:8]
statistics = engine.calibrator.collect(folder / "model.onnx", [{"image": rows}], {"minmax"}, 1)
for symmetric in (False, True):
    recipe = parse_recipe({"method": "static", "symmetric_activations": symmetric})
    target = folder / f"{symmetric}.onnx"
    data = MethodData(lambda: iter(()), statistics, 1)
    METHODS.get("onnxruntime.static").apply(folder / "model.onnx", recipe, data, target)
    print(hashlib.sha256(target.read_bytes()).hexdigest(), recipe.label())
"""


def test_an_option_is_what_the_recipe_shows(tmp_path):
    """In a copy of the package, to which the recipe's difference is applied."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (shown,) = re.findall(r"```diff\n(.*?)```", text, re.DOTALL)
    (tmp_path / "option.diff").write_text(shown)
    shutil.copytree(
        ROOT / "inc_mlflow", tmp_path / "inc_mlflow", ignore=shutil.ignore_patterns("__pycache__")
    )
    command = ["git", "apply", "--unsafe-paths", "option.diff"]
    applied = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, applied.stderr
    (tmp_path / "made").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", OPTION, str(EXAMPLE), str(tmp_path / "made")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    plain, symmetric = (line.split(" ", 1) for line in ran.stdout.splitlines())
    assert plain[0] != symmetric[0], "the option changes the model"
    assert "symmetric" in symmetric[1]
    assert "symmetric" not in plain[1]


@pytest.mark.slow
def test_a_job_runs_on_the_engine_of_the_recipe(program, tmp_path):
    random = np.random.default_rng(0)
    weights, x = random.normal(size=(16, 4)).astype("f4"), random.normal(size=(300, 16)).astype("f4")
    np.save(tmp_path / "fp32.npy", weights)
    np.savez(tmp_path / "dev.npz", x=x, label=(x @ weights).argmax(1))
    job = {"version": 1, "name": "layer", "model": "fp32.npy", "engines": ["layer"], "metric": "top1"}
    job |= {"data": {"validation": {"path": "dev.npz"}}, "benchmark": {"layout": "1s1c1ins8bs"}}
    job |= {"recipes": [{"method": "rounded"}, {"method": "rounded", "bits": 3}]}
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    ran = program("run", tmp_path / "job.yaml", "--json")
    assert ran.returncode in {0, 3, 4}, ran.stderr[-2000:]
    rows = {row["recipe"]: row for row in json.loads(ran.stdout)["table"]}
    assert {row["engine"] for row in rows.values()} == {"layer"}
    assert rows["rounded to 3 bits"]["verdict"] == "fail"
    assert rows["rounded to 8 bits"]["accuracy"]["value"] > rows["rounded to 3 bits"]["accuracy"]["value"]
    job["recipes"][1]["bits"] = 9
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    refused = program("run", tmp_path / "job.yaml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "recipe 'rounded to 9 bits': bits: give 2 to 8" in refused.stderr


@pytest.mark.parametrize(
    ("metric", "validation", "line"),
    [
        ("nera", {}, "metric.name: no 'nera', did you mean 'near'?; there are agreement, "),
        (
            {"name": "near", "options": {"distanse": 1}},
            {},
            "metric.options.distanse: unknown field, did you mean 'distance'?",
        ),
        ({"name": "near", "postprocess": "tmes"}, {}, "metric.postprocess: no 'tmes', did you mean 'times'?"),
        ("near", {"format": "jsnl"}, "data.validation.format: no 'jsnl', did you mean 'jsonl'?"),
        (
            "near",
            {"transform": {"larges": 4}},
            "data.validation.transform.larges: unknown field, did you mean 'largest'?",
        ),
        (
            "near",
            {"path": "calib.far", "transform": {}},
            "datasets: 'far' needs the package 'far_away'; pip install 'times[far]'",
        ),
    ],
)
def test_what_is_misspelt_or_missing_is_refused_in_one_line(program, work, metric, validation, line):
    ended = program("run", work(metric, **validation))
    (last,) = [one for one in ended.stderr.splitlines() if one.startswith("inc-mlflow: ")]
    assert (ended.returncode, ended.stdout) == (2, "")
    assert line in last
