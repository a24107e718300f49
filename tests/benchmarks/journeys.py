"""List the files that a reader opens to follow three things through the code, as JSON.

``alias``: from ``inc-mlflow run`` to the moved alias. ``option``: from ``smooth_quant`` in a job file to
the changed graph. ``latency``: from one measured call to the verdict.

A small job runs from beginning to end, with a profiler in each of its processes, which notes the call
stack at events. Nearly all events are calls of other people's code, so that they have the same names in
every version of ours. Two rules say which files belong to a journey.

``wide``: every file on the stack at any event of the journey, also one that it only brushes, such as a lock
or the atomic write.

- alias: a step's function begins; a file gets its final name; a process starts; the step that promotes
  writes to MLflow
- option: the job is validated, by the command and by the step that quantises; a constant is written into
  a graph while the smoothing module is on the stack. The files that name the option (as an identifier or
  a whole string) are added.
- latency: the worker reads its clock; the benchmark reads a worker's answer, takes a quantile, saves its
  arrays and its record; the gate opens that record, calls the gate's class about speed, and saves its own
  record

``direct``: the files that the alias, the option or the value passes through.

- alias: the stack when MLflow's client sets the registered alias, and the stack of each process before it
  when it started or forked the next one on that way, from the command to the step that promotes
- option: the stack between the function of the step that quantises (inclusive) and a constant written into
  a graph while the smoothing module is on the stack; and the files that name the option, but for the search
  space, which makes recipes of its own and is not on the way of a recipe that a job lists
- latency: the stack between the function of the benchmark's step (inclusive) and the read of a worker's
  answer, and each quantile; the stack between the function of the gate's step (inclusive) and the
  opening of the benchmark's record, and the calls of the gate's class about speed; the worker's stack at its
  clock; the file of the class ``BenchmarkRecord``. What every step shares is left out: components, launcher,
  step, files, progress, and the base of records, which reads and writes any of them. So are the latencies saved beside the record: the gate checks their digest, but
  no verdict is computed from them.

Run as ``.venv/bin/python tests/benchmarks/journeys.py [ROOT]``; ROOT is another checkout of this project,
with its compiled files, to compare with.
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import journey_trace
from journey_trace import OUT, ROOT, Note, sources

OPTION = "smooth_quant"
SMOOTHING = ("smooth.py", "smooth_quant.py")
START, JOB_FILE = "cli/start.py", "spec/job.py"
WORKER = ("measure/timing/worker.py", "ort/instance.py")
BENCHMARK, GATE, PROMOTE, QUANTIZE = (
    f"components/{name}.py" for name in ("benchmark", "gate", "promote", "quantize")
)
SET_ALIAS = "set_registered_model_alias"
SEARCH_SPACE = ("/space.py", "search/strategy.py")
SHELL = (
    "components/",
    "pipelines/launch.py",
    *("inc_mlflow/steps/step.py", "inc_mlflow/steps/stage.py"),
    *("inc_mlflow/files.py", "inc_mlflow/storage.py"),
    "inc_mlflow/progress.py",
    "inc_mlflow/records/base.py",
)
"""What every step shares, in paths of today and before."""
RECORD = "BenchmarkRecord"
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


def naming(root: Path) -> set[str]:
    """Return the files that name the option."""
    return {
        file
        for file, tree in sources(root)
        for node in ast.walk(tree)
        for name in ("attr", "id", "arg", "value")
        if getattr(node, name, None) == OPTION
    }


class Journeys:
    """What was noted of one run, and the files of each journey by both rules."""

    def __init__(self, notes: list[Note], root: Path) -> None:
        self._notes, self._root = notes, root

    def wide(self) -> dict[str, set[str]]:
        """Return the files on the stack at any event of a journey."""
        spine = [self._files(event) for event in ("step", "os.rename", "subprocess.Popen")]
        smoothed = self._files("from_array", SMOOTHING)
        validated = self._files("validate", JOB_FILE, (START, QUANTIZE))
        worker = self._files("process_time", WORKER)
        measured = [self._files(one, BENCHMARK) for one in ("readline", "quantile", "savez", "os.rename")]
        judged = [self._files(event, GATE) for event in ("open", "speed", "os.rename")]
        return {
            "alias": self._files("mlflow", PROMOTE).union(*spine),
            "option": validated | smoothed | naming(self._root),
            "latency": worker.union(*measured, *judged),
        }

    def direct(self) -> dict[str, set[str]]:
        """Return the files that the alias, the option and the value pass through."""
        moved = [note for note in self._on("mlflow", PROMOTE) if note["what"] == SET_ALIAS]
        if not moved:
            raise SystemExit(f"no {SET_ALIAS} through {PROMOTE}: the events do not fit this code")
        named = {file for file in naming(self._root) if not file.endswith(SEARCH_SPACE)}
        measured = [self._work(event, BENCHMARK) for event in ("readline", "quantile")]
        judged = [self._work(event, GATE) for event in ("open", "speed")]
        latency = self._files("process_time", WORKER).union(*measured, *judged, defining(self._root, RECORD))
        return {
            "alias": {file for note in moved for file in self._way(note)},
            "option": named | self._work("from_array", QUANTIZE, SMOOTHING),
            "latency": {file for file in latency if not file.startswith(SHELL)},
        }

    def _on(self, event: str, *through: str | tuple[str, ...]) -> list[Note]:
        """Return the notes of an event with a file of each of ``through`` on the stack."""
        notes = [note for note in self._notes if note["event"] == event]
        for part in through:
            notes = [note for note in notes if any(file.endswith(part) for file in note["files"])]
        if not notes:
            raise SystemExit(f"no {event} through {through}: the events do not fit this code")
        return notes

    def _files(self, event: str, *through: str | tuple[str, ...]) -> set[str]:
        return {file for note in self._on(event, *through) for file in note["files"]}

    def _work(self, event: str, *through: str | tuple[str, ...]) -> set[str]:
        """Return the files between a step's function, inclusive, and the event."""
        return {file for note in self._on(event, *through) for file in note["work"]}

    def _way(self, note: Note) -> set[str]:
        """Return the files on the stack at an event, and where its process and those before it began."""
        before = [one for one in self._notes if one["process"] == note["parent"]]
        if not before and STARTED in note["command"]:
            return set(note["files"])
        begun = [one for one in before if begins(one, note)]
        if not begun:
            raise SystemExit(f"nothing begins {note['command']}: the events do not fit this code")
        return set(note["files"]).union(*map(self._way, begun))


def begins(earlier: Note, later: Note) -> bool:
    """Tell whether an event of the parent process started the process of ``later``, or forked it."""
    if earlier["event"] == "os.fork":
        return bool(earlier["command"] == later["command"])
    started = earlier["event"] == "subprocess.Popen"
    return bool(started and earlier["what"][1:] == later["command"][1:])  # the first may be found on PATH


def defining(root: Path, name: str) -> set[str]:
    """Return the files that define a class of this name."""
    return {
        file
        for file, tree in sources(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == name
    }


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


def run(root: Path) -> list[Note]:
    """Run the job with the code below ``root`` and return what all its processes noted."""
    with tempfile.TemporaryDirectory() as scratch:
        job, out, hook = (Path(scratch) / name for name in ("job", "out", "hook"))
        for folder in (job, out, hook):
            folder.mkdir()
        write_job(job)
        trace = journey_trace.__file__
        (hook / "sitecustomize.py").write_text(f"import runpy\nrunpy.run_path({trace!r})['follow']()\n")
        paths = {"PYTHONPATH": f"{root}{os.pathsep}{hook}", OUT: str(out), ROOT: str(root)}
        command = [sys.executable, "-c", STARTED, "run", str(job / "job.yaml")]
        done = subprocess.run(command, cwd=job, env=os.environ | paths, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return [json.loads(line) for file in out.iterdir() for line in file.read_text().splitlines()]


if __name__ == "__main__":
    root = Path(*sys.argv[1:] or [Path(__file__).parents[2]]).resolve()
    found = Journeys(run(root), root)
    rules = {"wide": found.wide(), "direct": found.direct()}
    counts = {rule: {name: len(files) for name, files in sets.items()} for rule, sets in rules.items()}
    print(json.dumps({"counts": counts} | rules, indent=1, default=sorted))
