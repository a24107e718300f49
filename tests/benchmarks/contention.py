"""Print, as JSON, whether benchmarks of the same two files agree beside others' work: intervals and how many pairs overlap.

Run as ``.venv/bin/python tests/benchmarks/contention.py FOLDER MODEL LOAD [REPEATS]``. MODEL is ``small``
(0.4 MB of convolutions, static), ``large`` (84 MB of matrices for 64 rows, dynamic) or ``few_rows`` (the same
for 16 rows: its INT8 weights just fit into many a shared cache); it is made in FOLDER once. LOAD is
``quiet``, ``hog`` (a busy loop on the CPU of the instances) or ``copier`` (copies of 64 MB on another CPU).
What is invalid has no interval, and is counted; a benchmark that should be quiet and was not, by its own
account of neighbours, is made again.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from repeatability import overlapping

from inc_mlflow.measure.timing.repeatability import CPU_TIME_REPEATABILITY, repeatability
from inc_mlflow.spec import Job
from inc_mlflow.steps.standalone.measure import benchmark_two
from inc_mlflow.steps.standalone.prepare import write_baseline, write_candidate

ATTEMPTS = 3
"""Benchmarks for each that is asked for, at most."""
ROWS, CHANNELS, WIDTH, WIDE = 24, 64, 1024, 4096
METHODS = {"small": "static", "large": "dynamic", "few_rows": "dynamic"}
SHAPES = {"small": (3, 32, 32), "large": (64, WIDTH), "few_rows": (16, WIDTH)}
LOADS = {
    "hog": "while True: pass",
    "copier": "import numpy as np\na = np.ones(2**23)\nb = a.copy()\nwhile True: np.copyto(b, a)",
}
JOB = """
version: 1
name: contention
model: fp32.onnx
data: {calibration: {path: 0.npz}, tuning: {path: 1.npz}, validation: {path: 2.npz}}
metric: top1
recipes: [{method: dynamic}]
"""


def make(folder: Path, model: str) -> None:
    """Write the job, its baseline and its candidate, unless they are there."""
    if (folder / "int8.onnx").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    random, shape = np.random.default_rng(0), SHAPES[model]
    _save(folder / "fp32.onnx", shape, *(_convolutions(random) if model == "small" else _matrices(random)))
    for number in range(3):
        np.savez(
            folder / f"{number}.npz",
            x=random.normal(size=(ROWS, *shape)).astype("f4"),
            label=np.arange(ROWS) % 3,
        )
    (folder / "job.yaml").write_text(JOB)
    write_baseline(folder / "fp32.onnx", folder / "baseline", None)
    write_candidate(
        Job.load(folder / "job.yaml"), json.dumps({"method": METHODS[model]}), [], folder / "int8.onnx"
    )


def _convolutions(random: np.random.Generator) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    nodes, weights = list[onnx.NodeProto](), list[onnx.TensorProto]()
    for number, (inward, outward) in enumerate(pairwise([3, *[CHANNELS] * 4])):
        values = random.normal(0, (2 / 9 / inward) ** 0.5, (outward, inward, 3, 3)).astype("f4")
        weights.append(numpy_helper.from_array(values, f"w{number}"))
        nodes.append(
            helper.make_node(
                "Conv", [f"x{number}" if number else "x", f"w{number}"], [f"c{number}"], pads=[1] * 4
            )
        )
        nodes.append(helper.make_node("Relu", [f"c{number}"], [f"x{number + 1}"]))
    return [
        *nodes,
        helper.make_node("GlobalAveragePool", ["x4"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ], weights


def _matrices(random: np.random.Generator) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    nodes, weights = list[onnx.NodeProto](), list[onnx.TensorProto]()
    for number, (inward, outward) in enumerate(pairwise([WIDTH, WIDE] * 3)):
        values = random.normal(0, (2 / inward) ** 0.5, (inward, outward)).astype("f4")
        weights.append(numpy_helper.from_array(values, f"w{number}"))
        nodes.append(
            helper.make_node("MatMul", [f"x{number}" if number else "x", f"w{number}"], [f"m{number}"])
        )
        nodes.append(helper.make_node("Relu", [f"m{number}"], [f"x{number + 1}"]))
    return [*nodes, helper.make_node("ReduceMean", ["x5"], ["y"], axes=[1], keepdims=0)], weights


def _save(
    path: Path, shape: tuple[int, ...], nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]
) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "classes"])
    graph = helper.make_graph(nodes, "contention", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@contextmanager
def beside(load: str) -> Iterator[None]:
    """Have a process work on a CPU of its own meanwhile: that of the instances for a busy loop, another for
    copies."""
    if load == "quiet":
        yield
        return
    cpus = sorted(os.sched_getaffinity(0))
    cpu = cpus[-1] if load == "hog" or len(cpus) == 1 else cpus[-2]
    code = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nprint(flush=True)\n{LOADS[load]}"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


def _benchmarks(job: Job, folder: Path) -> Iterator[dict[str, Any]]:
    while True:
        yield benchmark_two(job, folder / "baseline" / "model.onnx", folder / "int8.onnx", lambda _: None)


def _quiet(benchmark: dict[str, Any]) -> bool:
    return repeatability(benchmark["conditions"]["neighbours"]) == CPU_TIME_REPEATABILITY


def measure(folder: Path, model: str, load: str, repeats: int) -> dict[str, object]:
    """Repeat the benchmark beside the load."""
    make(folder, model)
    job = Job.load(folder / "job.yaml")
    with beside(load):
        tried = islice(_benchmarks(job, folder), ATTEMPTS * repeats)
        found = list(islice((one for one in tried if load != "quiet" or _quiet(one)), repeats))
    ratios = [one["speedup"] for one in found if one["valid"]]
    widths = [(ratio["high"] - ratio["low"]) / 2 / ratio["value"] for ratio in ratios]
    return {
        "model": model,
        "load": load,
        "speedups": [[round(ratio[name], 3) for name in ("value", "low", "high")] for ratio in ratios],
        "mean_half_width": round(float(np.mean(widths)), 4) if widths else None,
        "overlapping_pairs": overlapping(ratios),
        "neighbours": [round(float(np.mean(one["conditions"]["neighbours"])), 3) for one in found],
        "invalid": len(found) - len(ratios),
    }


if __name__ == "__main__":
    folder, model, load = sys.argv[1:4]
    repeats = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    print(json.dumps(measure(Path(folder) / model, model, load, repeats)))
