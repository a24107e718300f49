"""A source that only this test defines is imported, and its faults are told from ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.installed_packages import install
from tests.support.paths import ROOT

CODE = Path(__file__).with_name("matrix_source.py").read_text()
PROGRAM = Path(sys.executable).with_name("inc-mlflow")


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "w.npy", np.random.default_rng(0).normal(size=(6, 3)).astype("f4"))
    return tmp_path


@pytest.fixture
def imported(folder, tmp_path_factory):
    """Call `import` on a source; returns exit code, what was printed as JSON, and the lines of errors."""
    package = install(
        tmp_path_factory.mktemp("installed"),
        "matrix_source",
        CODE,
        {"inc_mlflow.sources/matrix": "matrix_source:ENTRY"},
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(package), str(ROOT)]),
        "INC_MLFLOW_CACHE": str(folder / "cache"),
    }

    def call(source):
        command = [PROGRAM, "import", source, "-o", "made", "--json"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout or "null"), done.stderr

    return call


def test_it_is_imported_and_compared_with_what_it_computes(imported, folder):
    code, record, _ = imported("{matrix: w.npy}")
    assert code == 0
    source = record["framework_source"]
    assert source["framework"] == "matrix 1.0" and source["kind"] == "matrix" and source["rows"] == 8
    assert source["parity"][0]["name"] == "y" and source["parity"][0]["relative_difference"] < 1e-6
    assert "a note" in record["notes"]
    assert (folder / "made" / source["file"]).is_file()


def test_a_path_is_told_by_its_ending_its_folder_or_what_begins_so(imported, folder):
    (folder / "w.npy").rename(folder / "w.matrix")
    assert imported("w.matrix")[0] == 0
    (folder / "w.matrix").rename(folder / "w")
    (folder / "w.rows").write_text("")
    assert imported("w")[0] == 0
    (folder / "inside").mkdir()
    (folder / "inside" / "matrix.json").write_text("")
    code, _, said = imported("inside")
    assert code == 2 and "inside cannot be read; save it with np.save" in said


def test_a_file_that_computes_something_else_is_refused_with_the_layer(imported):
    code, _, said = imported("{matrix: w.npy, fault: parts}")
    assert code == 2
    assert "w.npy: the baseline's output 'y' is 0.001 of its largest value from that of matrix 1.0; " in said
    assert "they part first at the layer 'product' (0.001 of its largest value); give an ONNX file" in said


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("raises", r"inc-mlflow: model: the matrix cannot be converted: no such\x1b matrix"),
        (
            "crash",
            "inc-mlflow: model: w.npy: its framework ended with signal 11; give a model that it can run",
        ),
        (
            "killed",
            "inc-mlflow: model: w.npy: the process of its framework was killed, for want of memory?; ",
        ),
    ],
)
def test_a_fault_of_the_framework_is_one_line(fault, says, imported):
    code, _, said = imported(f"{{matrix: w.npy, fault: {fault}}}")
    lines = said.splitlines()
    assert code == 2 and len(lines) == 1 and lines[0].startswith(says)


def test_a_bug_of_ours_keeps_its_traceback(imported):
    code, _, said = imported("{matrix: w.npy, fault: bug}")
    assert code == 1 and "KeyError: 'a bug of ours'" in said


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "{matrix: w.npy, faults: x}",
            "model.faults: unknown field, did you mean 'fault'?; allowed are fault, matrix",
        ),
        ("{matrixx: w.npy}", "no source of that kind; there are "),
        ("{matrix: gone.npy}", "gone.npy; give a path relative to the job file"),
        ("{", "not YAML"),
    ],
)
def test_what_names_no_source_is_refused(source, says, imported):
    code, _, said = imported(source)
    assert code == 2 and says in said and len(said.splitlines()) == 1
