"""Print as JSON the time and memory of calibration, on a network of ResNet-18's size with 224x224 inputs.

``ratio`` is CPU time of the process over that of bare optimised inference of the same samples, one thread,
batch 1, interleaved, minimum of the rounds; ``onnxruntime`` holds the same for its own calibrators, on fewer
samples. Loading the model is left out on both sides: it costs the same for any number of samples.
``thresholds_seconds`` is what choosing the ranges of all tensors takes afterwards. ``peak_mb`` is the peak
resident size of a process by number of samples.

Run as ``.venv/bin/python tests/benchmarks/calibration.py``.
"""

import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.calibrate import CalibrationDataReader, CalibrationMethod, create_calibrator

from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner

SAMPLES, FEW, ROUNDS = 64, 4, 3
METHODS = ("percentile", "entropy", "mse")
THEIRS = (CalibrationMethod.MinMax, CalibrationMethod.Percentile, CalibrationMethod.Entropy)


class Network:
    """Nodes and weights of a residual network as they are added, batch norm already folded."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Add an operator and return the name of its output."""
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def weight(self, *shape: int) -> str:
        """Add a weight that keeps the variance of what comes in, or a bias."""
        name = f"weight_{len(self.weights)}"
        values = self._random.standard_normal(shape) * np.sqrt(2 / max(np.prod(shape[1:]), 1))
        self.weights.append(
            numpy_helper.from_array((values * (0.1 if len(shape) == 1 else 1)).astype("f4"), name)
        )
        return name

    def conv(self, x: str, channels: tuple[int, int], size: int, stride: int = 1) -> str:
        """Add a convolution with bias that keeps width over stride."""
        weights = self.weight(channels[1], channels[0], size, size), self.weight(channels[1])
        return self.add("Conv", x, *weights, pads=[size // 2] * 4, strides=[stride] * 2)

    def block(self, x: str, channels: tuple[int, int], stride: int) -> str:
        """Add two convolutions and their residual connection."""
        inner = self.add("Relu", self.conv(x, channels, 3, stride))
        outer = self.conv(inner, (channels[1], channels[1]), 3)
        beside = x if stride == 1 and channels[0] == channels[1] else self.conv(x, channels, 1, stride)
        return self.add("Relu", self.add("Add", outer, beside))


def resnet18() -> onnx.ModelProto:
    """Return a network with the layers of ResNet-18 and random weights."""
    network = Network()
    x = network.add("Relu", network.conv("image", (3, 64), 7, 2))
    x = network.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    before = 64
    for channels, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        x = network.block(x, (before, channels), stride)
        before = channels
    x = network.add("Flatten", network.add("GlobalAveragePool", x))
    x = network.add("Gemm", x, network.weight(1000, 512), network.weight(1000), transB=1)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 224, 224])
    logits = helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", 1000])
    graph = helper.make_graph(network.nodes, "resnet18", [image], [logits], network.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def images(count: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield the same batches of one image at every call."""
    random = np.random.default_rng(1)
    for _ in range(count):
        yield {"image": random.standard_normal((1, 3, 224, 224), dtype="f4")}


def seconds(work: Callable[[], object]) -> float:
    """CPU time of this process; onnxruntime has one thread in it."""
    start = time.process_time()
    work()
    return time.process_time() - start


def calibration(model: Path, rows: list[dict[str, np.ndarray]], **options: bool) -> float:
    """Return the seconds for ``rows``, without those that no row at all would take."""
    clock: list[float] = []

    def timed() -> Iterator[dict[str, np.ndarray]]:
        clock.append(time.process_time())
        yield from rows
        clock.append(time.process_time())

    collect(model, timed(), 1, **options)
    return clock[1] - clock[0]


class Reader(CalibrationDataReader):
    """Rows as onnxruntime wants them."""

    def __init__(self, rows: list[dict[str, np.ndarray]]) -> None:
        self._rows = iter(rows)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next row or None."""
        return next(self._rows, None)


def their_calibration(model: Path, rows: list[dict[str, np.ndarray]], method: CalibrationMethod) -> float:
    """Return the CPU seconds of onnxruntime's calibrator.

    It takes no number of threads, so those of the whole process.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        theirs = create_calibrator(model, None, str(Path(folder) / "augmented.onnx"), method)
        start = time.process_time()
        theirs.collect_data(Reader(rows))
        theirs.compute_data()
        return time.process_time() - start


def ratios(model: Path) -> dict[str, object]:
    """Time everything in turns."""
    rows = list(images(SAMPLES))
    run = Runner(model, threads=1)
    run(rows[0])
    rounds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        bare = seconds(lambda: [run(row) for row in rows])
        times = {
            "bare": bare,
            "minmax": calibration(model, rows),
            "histograms": calibration(model, rows, histograms=True),
        }
        times |= {
            f"onnxruntime {one.name}": their_calibration(model, rows[:FEW], one) * SAMPLES / FEW
            for one in THEIRS
        }
        for name, value in times.items():
            rounds.setdefault(name, []).append(value)
    ranges = collect(model, rows, 1, histograms=True)
    thresholds = {
        name: min(seconds(lambda name=name: ranges.final(name)) for _ in range(3)) for name in METHODS
    }
    best = {name: min(values) for name, values in rounds.items()}
    histograms = best.pop("histograms")
    ours = {"minmax": best["minmax"]} | {name: histograms + thresholds[name] for name in METHODS}
    theirs = {name.partition(" ")[2].lower(): best[name] for name in best if name.startswith("onnxruntime ")}
    return {
        "tensors": len(ranges.tensors),
        "samples": SAMPLES,
        "histograms_ratio": round(histograms / best["bare"], 3),
        "ratio": {name: round(value / best["bare"], 3) for name, value in ours.items()},
        "thresholds_seconds": {name: round(value, 3) for name, value in thresholds.items()},
        "onnxruntime": {name: round(value / best["bare"], 2) for name, value in theirs.items()},
    }


def peak(model: Path, samples: int) -> int:
    """Return the peak resident megabytes of a process that calibrates on so many samples."""
    done = subprocess.run(
        [sys.executable, __file__, model, str(samples)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def main() -> None:
    """Measure all; the child of ``peak`` only calibrates."""
    if len(sys.argv) == 3:
        collect(Path(sys.argv[1]), images(int(sys.argv[2])), 1, histograms=True)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.onnx"
        onnx.save(resnet18(), source)
        normalize(source, Path(folder))
        model = Path(folder) / MODEL
        result = ratios(model) | {"peak_mb": {str(count): peak(model, count) for count in (64, 512)}}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
