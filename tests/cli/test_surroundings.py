"""Where a command runs: files there are the user's, and no modules of Python's."""

import sys

import pytest

pytestmark = pytest.mark.slow
TRAP = "raise RuntimeError(f'{__file__} was imported')\n"
TAKEN = {*sys.stdlib_module_names, "kfp", "mlflow", "numpy", "onnx", "onnxruntime", "torch", "inc_mlflow"}
METRIC = "from scores import right\n\ndef f(outputs, labels, reference):\n    return right(outputs, labels)\n"
SCORES = (
    "import statistics\n\n"
    "def right(outputs, labels):\n"
    "    assert statistics.mean([1, 3]) == 2\n"
    "    return (outputs['logits'].argmax(-1) == labels).astype(float)\n"
)


@pytest.fixture
def surrounded(work, monkeypatch):
    """A job in a folder full of files with names of modules, in which the command runs."""
    for name in TAKEN:
        work.write(f"{name}.py", TRAP)
    work.set("recipes", [{"method": "dynamic"}])
    monkeypatch.chdir(work.folder)
    return work


def test_a_job_runs_among_files_named_as_modules(surrounded, run_program):
    """Its metric takes a module from there all the same; emulation and benchmark have processes of their own."""
    surrounded.write("metric.py", METRIC)
    surrounded.write("scores.py", SCORES)
    surrounded.set("metric", {"callable": "metric.py:f", "range": [0, 1]})
    ended = run_program("run", "job.yaml")
    assert ended.returncode in (0, 3, 4), ended.stderr[-2000:]
    assert "dynamic" in ended.stdout
    changed = SCORES.replace(".astype(float)", ".astype(float) * 0.5")
    surrounded.write("scores.py", changed)
    again = run_program("run", "job.yaml", "--json")
    assert again.returncode in (0, 3, 4), again.stderr[-2000:]
    assert len(list(surrounded.state.glob("*/evaluation"))) == 2, "other code is another result"


@pytest.mark.parametrize("command", ["import", "quantize"])
def test_a_step_runs_among_files_named_as_modules(surrounded, run_program, command):
    arguments = {
        "import": ["fp32.onnx", "-o", "out"],
        "quantize": ["job.yaml", "--recipe", '{"method": "dynamic"}', "-o", "out.onnx"],
    }
    ended = run_program(command, *arguments[command])
    assert ended.returncode == 0, ended.stderr[-2000:]
