"""What a CNN costs by its number of channels, in FP32 and in INT8.

    .venv/bin/python -m tests.benchmarks.channel_blocks [WIDTH ...]

The network is that of `wide_cnn` with random weights: layers of WIDTH, WIDTH, 2 WIDTH, 2 WIDTH and 4 WIDTH channels.
Prints JSON: microseconds of one picture on one thread, the least of many, all models in turn, by process CPU time.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from inc_mlflow.engines.engine import LoadedModel, MethodData, RunSettings
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.spec import parse_recipe
from tests.benchmarks.wide_cnn import CODE

WIDTHS, ROUNDS, CALLS = (8, 12, 16, 20, 24, 28, 32, 40, 48), 60, 5


def models(width: int, folder: Path, x: np.ndarray) -> dict[str, LoadedModel]:
    folder.mkdir()
    (folder / "cnn.py").write_text(CODE.format(width=width))
    source = TorchModel.model_validate({"torch": "cnn.py:build"})
    SOURCE.open(source, folder).convert(folder / "file.onnx")
    normalize(folder / "file.onnx", folder)
    statistics = collect(folder / MODEL, [{"input": x}], 1)
    (folder / "int8").mkdir()
    METHODS.get("onnxruntime.static").apply(
        folder / MODEL,
        parse_recipe({"method": "static"}),
        MethodData(lambda: iter([{"input": x}]), statistics, 1),
        folder / "int8" / MODEL,
    )
    paths = {"fp32": folder / MODEL, "int8": folder / "int8" / MODEL}
    return {name: ENGINE.load(path, RunSettings()) for name, path in paths.items()}


def main(*widths: str) -> None:
    x = np.random.default_rng(0).normal(size=(1, 1, 28, 28)).astype(np.float32)
    with tempfile.TemporaryDirectory() as place:
        all_models = {
            (width, name): model
            for width in (map(int, widths) if widths else WIDTHS)
            for name, model in models(width, Path(place) / str(width), x).items()
        }
        best = dict.fromkeys(all_models, float("inf"))
        for _ in range(ROUNDS):
            for key, model in all_models.items():
                model({"input": x})
                began = time.process_time()
                for _ in range(CALLS):
                    model({"input": x})
                best[key] = min(best[key], (time.process_time() - began) / CALLS)
    for width in dict.fromkeys(width for width, _ in best):
        print(
            json.dumps({"width": width} | {name: round(best[width, name] * 1e6) for name in ("fp32", "int8")})
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
