"""A job on an ONNX file loads no other framework, neither the command nor any process that it starts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.brief_benchmarks import brief
from tests.support.paths import ROOT

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
FRAMEWORKS = ("torch", "tensorflow", "keras", "transformers", "ai_edge_litert")
EXAMPLE = ROOT / "examples" / "digits"


@pytest.fixture
def unloadable(tmp_path):
    """Environment in which a process that imports a framework says so and ends, though it finds it."""
    folder = tmp_path / "frameworks"
    for name in FRAMEWORKS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(
            f"import os; os.write(2, b'{name} was loaded'); os._exit(77)\n"
        )
    return os.environ | {"PYTHONPATH": str(folder)}


def called(environment, *arguments):
    return subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [["--help"], ["list", "sources"], ["schema"]])
def test_looking_around_loads_no_framework(unloadable, arguments):
    done = called(unloadable, *arguments)
    assert done.returncode == 0 and "was loaded" not in done.stderr


@pytest.mark.slow
def test_a_whole_job_on_an_onnx_file_loads_no_framework(unloadable, tmp_path):
    for name in ("job.yaml", "fp32.onnx", "calib.npz", "tune.npz", "dev.npz"):
        shutil.copyfile(EXAMPLE / name, tmp_path / name)
    done = called(unloadable | brief(tmp_path / "frameworks"), "run", tmp_path / "job.yaml", "--json")
    assert "was loaded" not in done.stderr
    assert done.returncode in {0, 3, 4}, done.stderr[-2000:]


def test_a_framework_that_is_loaded_is_noticed(unloadable):
    done = subprocess.run(
        [sys.executable, "-c", "import torch"], env=unloadable, capture_output=True, text=True
    )
    assert done.returncode == 77 and done.stderr == "torch was loaded"
