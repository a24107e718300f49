"""Print as JSON how good prediction and protection of saturation are, by emulating CPUs without VNNI.

``agree`` counts ultraface's convolutions of which prediction and emulation say the same: changed, or not.
``agreement`` is the job's metric on validation, native and emulated, without protection, with it, and with 7
bits everywhere. ``cpu_ratio`` is CPU time of the protected model over that of the unprotected one, minima,
interleaved. Run as ``INC_REAL_MODELS=... .venv/bin/python -m tests.benchmarks.saturation``.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx

from inc_mlflow.engines.engine import MethodData as Calibration
from inc_mlflow.engines.onnxruntime.analysis.saturation import predict
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.graph.quantized_layers import QuantizedGraph, layers
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import intermediate_values
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.engines.onnxruntime.runtime.session import BASIC
from tests.support.onnx_candidates import compress
from tests.support.paths import ROOT

ISA, ROWS, ROUNDS = "x86-avx2", 8, 60
RECIPES = {
    "unprotected": Static(),
    "protected": Static(reduce_range="saturating"),
    "7-bit": Static(reduce_range=True),
}


def main(folder: Path) -> dict[str, object]:
    """Make the candidates of ultraface in ``folder`` and measure them."""
    job = user_code(Path(os.environ["INC_REAL_MODELS"]) / "ultraface")
    rows = [inputs for inputs, _ in job.data("calibration")]
    candidates = make(folder, rows)
    start = time.process_time()
    report = predict(candidates["unprotected"], rows[:ROWS])
    seconds = time.process_time() - start
    changed = changes(folder / "layers", candidates["unprotected"], rows[:ROWS])
    return {
        "layers": len(report.layers),
        "agree": sum((one.expected_error_lsb > 0) == changed[one.name] for one in report.layers),
        "changed": sum(changed.values()),
        "predict_cpu_seconds": round(seconds, 2),
        "protected_layers": narrowed(candidates),
        "agreement": agreement(folder / "whole", job, {"baseline": folder / MODEL} | candidates),
        "cpu_ratio": cpu_ratio(candidates["protected"], candidates["unprotected"], rows[:ROWS]),
    }


def user_code(folder: Path) -> ModuleType:
    """Import the job's callables."""
    spec = importlib.util.spec_from_file_location("callables", folder / "callables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(folder: Path, rows: list[dict[str, np.ndarray]]) -> dict[str, Path]:
    """Write baseline and candidates."""
    normalize(Path(os.environ["INC_REAL_MODELS"]) / "ultraface" / "version-RFB-320.onnx", folder)
    calibration = Calibration(lambda: rows, collect(folder / MODEL, rows, threads=2), threads=2)
    paths = {name: folder / f"{name}.onnx" for name in RECIPES}
    for name, path in paths.items():
        compress(folder / MODEL, RECIPES[name], calibration, path)
    return paths


def narrowed(candidates: dict[str, Path]) -> int:
    """Count the weights that protection gave 7 bits."""

    def weights(path: Path) -> set[bytes]:
        return {
            one.raw_data
            for one in onnx.load(path).graph.initializer
            if one.data_type == onnx.TensorProto.INT8
        }

    return len(weights(candidates["protected"]) - weights(candidates["unprotected"]))


def changes(folder: Path, model: Path, rows: list[dict[str, np.ndarray]]) -> dict[str, bool]:
    """Run every layer alone on the activations it gets in the model.

    Tell whose outputs differ under emulation.
    """
    folder.mkdir()
    graph = QuantizedGraph(model)
    found = list(layers(graph))
    names = sorted({layer.computed["activation"] for layer in found})
    values = [
        batch for _, batch in intermediate_values(read_structure(model), model.parent, rows, names, 2, BASIC)
    ]
    nodes = {node.name: node for node in graph.model.graph.node}
    for number, layer in enumerate(found):
        activation = layer.computed["activation"]
        onnx.utils.extract_model(
            model, folder / f"{number}.onnx", [activation], [quantized_output(graph, nodes[layer.name])]
        )
        np.savez(folder / f"{number}.npz", **{activation: np.stack([batch[activation] for batch in values])})
    native, emulated = both(folder)
    return {
        layer.name: any(
            not np.array_equal(one, native[key])
            for key, one in emulated.items()
            if key.startswith(f"{number}/")
        )
        for number, layer in enumerate(found)
    }


def quantized_output(graph: QuantizedGraph, node: onnx.NodeProto) -> str:
    """Name the integer output of a layer."""
    while node.op_type != "QuantizeLinear":
        readers = graph.readers[node.output[0]]
        node = next((one for one in readers if one.op_type == "QuantizeLinear"), readers[0])
    return node.output[0]


def agreement(folder: Path, job: ModuleType, models: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Measure the metric on validation, natively and emulated; the reference is the native baseline."""
    folder.mkdir()
    rows = np.stack([inputs["input"] for inputs, _ in job.data("validation")])
    for name, path in models.items():
        (folder / f"{name}.onnx").symlink_to(path)
        np.savez(folder / f"{name}.npz", input=rows)
    native, emulated = (gather(outputs) for outputs in both(folder))
    return {
        name: {
            kind: round(job.agreement(outputs[name], None, native["baseline"]), 4)
            for kind, outputs in (("native", native), ("emulated", emulated))
        }
        for name in models
        if name != "baseline"
    }


def gather(outputs: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Sort arrays by model and output, rows joined."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for key, array in outputs.items():
        model, output = key.split("/")
        found.setdefault(model, {})[output] = np.concatenate(array)
    return found


def both(folder: Path) -> Iterator[dict[str, np.ndarray]]:
    """Run all models of a folder natively, then emulated."""
    from inc_mlflow.engines.onnxruntime.emulation import prepare

    for name, environment in (("native", {}), ("emulated", prepare(ISA))):
        out = folder / f"{name}.out"
        command = [sys.executable, "-m", "tests.benchmarks.saturation", folder, out]
        subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True)
        with np.load(out) as archive:
            yield dict(archive)


def work(folder: Path, out: Path) -> None:
    """Run every model of a folder on the rows beside it; the outputs are named model/output."""
    results = {}
    for path in sorted(folder.glob("*.onnx")):
        run = Runner(path, threads=1)
        with np.load(path.with_suffix(".npz")) as archive:
            ((name, rows),) = archive.items()
        answers = [run({name: row}) for row in rows]
        results |= {
            f"{path.stem}/{output}": np.stack([one[output] for one in answers]) for output in run.outputs
        }
    with out.open("wb") as file:
        np.savez(file, **results)


def cpu_ratio(one: Path, other: Path, rows: list[dict[str, np.ndarray]]) -> float:
    """Compare CPU time of two models, minima over interleaved rounds."""
    runners = [Runner(path, threads=1) for path in (one, other)]
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        for number, run in enumerate(runners):
            start = time.process_time()
            for row in islice(rows, 2):
                run(row)
            best[number] = min(best[number], time.process_time() - start)
    return round(best[0] / best[1], 3)


if __name__ == "__main__":
    if sys.argv[1:]:
        work(*map(Path, sys.argv[1:]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            print(json.dumps(main(Path(scratch)), indent=1))
