"""List the files that a reader opens to follow three things through the code, as JSON.

``alias``: from ``inc-mlflow run`` to the moved alias. ``option``: from ``smooth_quant`` in a job file to
the changed graph. ``latency``: from one measured call to the verdict.

A small job runs from beginning to end, with a profiler in each of its processes. A file belongs to a
journey if one of its functions is on the call stack at an event of that journey. The events are calls of
other people's code, so that they have the same names in every version of ours:

- alias: a step's function begins; a file gets its final name; a process starts; the step that promotes
  writes to MLflow
- option: the job is validated, by the command and by the step that quantises; a constant is written into
  a graph while the smoothing module is on the stack. The files that name the option (as an identifier or
  a whole string) are added.
- latency: the worker reads its clock; the benchmark reads a worker's answer, takes a quantile, saves its
  arrays and its record; the gate opens that record, calls the gate's class about speed, and saves its own
  record

Run as ``.venv/bin/python tests/benchmarks/journeys.py [ROOT]``; ROOT is another checkout of this project,
with its compiled files, to compare with.
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

FOLDERS = ("inc_mlflow", "components", "pipelines")
OUT, ROOT = "INC_MLFLOW_JOURNEY", "INC_MLFLOW_JOURNEY_ROOT"
OPTION = "smooth_quant"
SMOOTHING = ("smooth.py", "smooth_quant.py")
SPEED = ("SpeedCriterion.", "Faster.")  # the gate's class about speed, and its name before
START, JOB_FILE = "cli/start.py", "spec/job.py"
WORKER = ("measure/timing/worker.py", "ort/instance.py")
BENCHMARK, GATE, PROMOTE, QUANTIZE = (
    f"components/{name}.py" for name in ("benchmark", "gate", "promote", "quantize")
)
WRITES = ("create_", "delete_", "log_", "set_")
STARTED = "from inc_mlflow.cli import main; main()"
JOB = """
version: 1
name: journey
model: fp32.onnx
data:
  calibration: {path: calibration.npz}
  validation: {path: validation.npz}
metric: top1
recipes: [{method: static, op_types_to_quantize: [MatMul], smooth_quant: 0.5}]
gate: {max_relative_drop: 0.5, min_speedup: 0.001}
tracking: {experiment: journey, registered_model: journey}
"""


class Trace:
    """Notes the files on the stack at every event, once each, in a file for each process."""

    def __init__(self, out: Path, root: Path) -> None:
        self._out, self._root, self._steps = out, root, set(steps(root))
        self._names: dict[CodeType, str] = {}
        self._seen: set[tuple[str, ...]] = set()
        self._busy = False

    def start(self) -> None:
        """Follow this process from now on, all its threads and forks."""
        sys.addaudithook(self.audit)
        threading.setprofile(self.profile)
        sys.setprofile(self.profile)

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        """Look at calls."""
        if event == "c_call":
            name = getattr(arg, "__name__", "")
            pipe = isinstance(getattr(getattr(arg, "__self__", None), "name", None), int)
            if name == "process_time" or (name == "readline" and pipe):
                self._note(name, frame)
        elif event == "call":
            code = frame.f_code
            file, function = self._name(code), code.co_name
            if file:
                if (file, function) in self._steps:
                    self._note("step", frame)
                elif code.co_qualname.startswith(SPEED):
                    self._note("speed", frame)
            elif function in ("quantile", "savez", "from_array"):
                self._note(function, frame)
            elif function == "model_validate" and code.co_filename.endswith("pydantic/main.py"):
                self._note("validate", frame)
            elif code.co_filename.endswith("mlflow/tracking/client.py") and function.startswith(WRITES):
                self._note("mlflow", frame)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at what Python tells of itself."""
        if event in ("os.rename", "subprocess.Popen"):
            self._note(event, sys._getframe(1))
        elif event == "open" and str(arguments[0]).endswith(("/speed/record.json", "/benchmark/record.json")):
            self._note("open", sys._getframe(1))

    def _note(self, event: str, top: FrameType) -> None:
        if self._busy:
            return
        frame: FrameType | None = top
        files = dict[str, None]()
        while frame is not None:
            if frame.f_code.co_name != "<module>" and (file := self._name(frame.f_code)):
                files[file] = None
            frame = frame.f_back
        line = (event, *files)
        if files and line not in self._seen:
            self._seen.add(line)
            self._busy = True
            with (
                suppress(OSError),
                (self._out / str(os.getpid())).open("a") as file,
            ):  # some may write no file
                file.write(json.dumps(line) + "\n")
            self._busy = False

    def _name(self, code: CodeType) -> str:
        """Return a file of ours as its path below the root; KFP runs copies of the components."""
        if code not in self._names:
            path = Path(code.co_filename)
            if path.name == "ephemeral_component.py":
                self._names[code] = f"components/{code.co_name}.py"
            else:
                name = os.path.relpath(os.path.realpath(path), self._root)
                self._names[code] = name if name.startswith(FOLDERS) and path.is_absolute() else ""
        return self._names[code]


def sources(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yield every file of the program once, parsed."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            yield str(path.relative_to(root)), ast.parse(path.read_text())


def steps(root: Path) -> Iterator[tuple[str, str]]:
    """Yield (file, function) of everything that ``@step(…)`` stands on."""
    for file, tree in sources(root):
        for node in ast.walk(tree):
            decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
            if any(isinstance(one, ast.Call) and getattr(one.func, "id", "") == "step" for one in decorators):
                yield file, node.name


def naming(root: Path) -> set[str]:
    """Return the files that name the option."""
    return {
        file
        for file, tree in sources(root)
        for node in ast.walk(tree)
        for name in ("attr", "id", "arg", "value")
        if getattr(node, name, None) == OPTION
    }


def journeys(lines: list[list[str]], root: Path) -> dict[str, list[str]]:
    """Return the sorted files of each journey."""

    def on(event: str, *through: str | tuple[str, ...]) -> set[str]:
        stacks = [files for noted, *files in lines if noted == event]
        for part in through:
            stacks = [files for files in stacks if any(file.endswith(part) for file in files)]
        if not stacks:
            raise SystemExit(f"no {event} through {through}: the events do not fit this code")
        return set().union(*stacks)

    spine = [on(event) for event in ("step", "os.rename", "subprocess.Popen")]
    alias = on("mlflow", PROMOTE).union(*spine)
    option = on("validate", JOB_FILE, (START, QUANTIZE)) | on("from_array", SMOOTHING) | naming(root)
    worker = on("process_time", WORKER)
    measured = [on(event, BENCHMARK) for event in ("readline", "quantile", "savez", "os.rename")]
    judged = [on(event, GATE) for event in ("open", "speed", "os.rename")]
    latency = worker.union(*measured, *judged)
    return {"alias": sorted(alias), "option": sorted(option), "latency": sorted(latency)}


def write_job(folder: Path) -> None:
    """Write a job whose model has what SmoothQuant changes, and whose candidate passes a lenient gate."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    random, width = np.random.default_rng(0), 64
    constants = {"gamma": np.ones(width), "beta": np.zeros(width), "w": random.normal(size=(width, 8))}
    nodes = [
        helper.make_node("LayerNormalization", ["x", "gamma", "beta"], ["n"], axis=-1),
        helper.make_node("MatMul", ["n", "w"], ["logits"]),
    ]
    ends = [helper.make_tensor_value_info(*one) for one in (("x", 1, ["b", width]), ("logits", 1, ["b", 8]))]
    initial = [numpy_helper.from_array(one.astype(np.float32), name) for name, one in constants.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initial)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "fp32.onnx")
    for split, rows in (("calibration", 64), ("validation", 256)):
        x = random.normal(size=(rows, width)).astype(np.float32)
        normal = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
        np.savez(folder / f"{split}.npz", x=x, label=(normal @ constants["w"]).argmax(1))
    (folder / "job.yaml").write_text(JOB)


def run(root: Path) -> list[list[str]]:
    """Run the job with the code below ``root`` and return what all its processes noted."""
    with tempfile.TemporaryDirectory() as scratch:
        job, out, hook = (Path(scratch) / name for name in ("job", "out", "hook"))
        for folder in (job, out, hook):
            folder.mkdir()
        write_job(job)
        (hook / "sitecustomize.py").write_text(f"import runpy\nrunpy.run_path({__file__!r})['follow']()\n")
        paths = {"PYTHONPATH": f"{root}{os.pathsep}{hook}", OUT: str(out), ROOT: str(root)}
        command = [sys.executable, "-c", STARTED, "run", str(job / "job.yaml")]
        done = subprocess.run(command, cwd=job, env=os.environ | paths, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return [json.loads(line) for file in out.iterdir() for line in file.read_text().splitlines()]


def follow() -> None:
    """Trace this process: what ``sitecustomize`` calls."""
    Trace(Path(os.environ[OUT]), Path(os.environ[ROOT])).start()


if __name__ == "__main__":
    root = Path(*sys.argv[1:] or [Path(__file__).parents[2]]).resolve()
    found = journeys(run(root), root)
    print(json.dumps({"counts": {name: len(files) for name, files in found.items()}} | found, indent=1))
