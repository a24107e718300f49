"""Accuracy, size and speed of models of text in FP32 and with dynamic INT8, all beside each other.

    .venv/bin/python -m tests.benchmarks.prune_compare ROWS.npz MODEL.onnx ...

MODEL.onnx are imported models, as `baseline/model.onnx` and `stage_N/model.onnx` in the state folder of the job that
`prune_text speed` runs; the first one is what others are compared with. ROWS.npz is described there: its first 1,000
rows judge. Prints JSON: speed is the ratio of the least process CPU time of one thread and one row of 64 tokens, all
models in turn.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from inc_mlflow.engines.engine import LoadedModel, MethodData, RunSettings
from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.spec import parse_recipe
from tests.benchmarks.prune_text import rows

JUDGED, ROUNDS, ROWS = 1000, 15, 4


def dynamic(model: Path, folder: Path) -> Path:
    target = folder / model.parent.name / MODEL
    target.parent.mkdir()
    recipe, data = parse_recipe({"method": "dynamic"}), MethodData(lambda: iter(()), None, 1)
    METHODS.get("onnxruntime.dynamic").apply(model, recipe, data, target)
    return target


def least_times(loaded: dict[str, LoadedModel], inputs: dict[str, np.ndarray]) -> dict[str, float]:
    least = dict.fromkeys(loaded, float("inf"))
    for _ in range(ROUNDS):
        for name, model in loaded.items():
            for row in range(ROWS):
                one = {key: array[row : row + 1] for key, array in inputs.items()}
                began = time.process_time()
                model(one)
                least[name] = min(least[name], time.process_time() - began)
    return least


def main(archive: str, *models: str) -> None:
    inputs, labels = rows(Path(archive))
    inputs, labels = {name: array[:JUDGED] for name, array in inputs.items()}, labels[:JUDGED]
    with tempfile.TemporaryDirectory() as place:
        paths = {}
        for path in map(Path, models):
            paths[path.parent.name] = path
            paths[f"{path.parent.name}, dynamic"] = dynamic(path, Path(place))
        loaded = {name: ENGINE.load(path, RunSettings()) for name, path in paths.items()}
        least = least_times(loaded, inputs)
        first = least[next(iter(least))]
        for name, model in loaded.items():
            batches = ({key: one[row : row + 1] for key, one in inputs.items()} for row in range(len(labels)))
            found = [int(next(iter(model(batch).values())).argmax()) for batch in batches]
            accuracy = float((np.array(found) == labels).mean())
            about = {"model": name, "accuracy": accuracy, "bytes": paths[name].stat().st_size}
            print(json.dumps(about | {"speed": first / least[name]}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
