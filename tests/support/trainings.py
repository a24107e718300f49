"""Small trainings without a job: a network for the digits of scikit-learn, its rows and their scores."""

from functools import cache
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.engines.engine import MethodData, RunSettings
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.trainable import TrainingData, TuningOutcome
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.spec import parse_recipe
from inc_mlflow.spec.training import TrainingSpec
from inc_mlflow.steps.compress.training import row_distances
from tests.support.trained_models import digits, uneven_network

TRAINING, TUNING, VALIDATION = slice(0, 1000), slice(1000, 1400), slice(1400, 1797)


def baseline(folder: Path) -> Path:
    """A 64-32-10 network whose hidden channels differ a hundredfold."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(uneven_network(), folder / "source.onnx")
    normalize(folder / "source.onnx", folder)
    return folder / MODEL


def batches(rows, size=50):
    x, labels = digits()
    x, labels = x[rows], labels[rows]
    return [({"x": x[i : i + size]}, labels[i : i + size]) for i in range(0, len(x), size)]


def outputs(path, rows):
    model = ENGINE.load(path, RunSettings())
    return np.concatenate([model(inputs)["logits"] for inputs, _ in batches(rows)])


def hits(path, rows):
    """1 for each row whose class is right."""
    return (outputs(path, rows).argmax(1) == digits()[1][rows]).astype(np.float64)


def scored(base):
    true = outputs(base, TUNING)

    def score(path):
        found = {"logits": outputs(path, TUNING)}
        return TuningOutcome(hits(path, TUNING), np.array(row_distances({"logits": true}, found)))

    return score


@cache
def _statistics(base):
    return collect(base, [inputs for inputs, _ in batches(slice(0, 200), 1)], threads=1)


def training_data(base, state, function=None, rows=None, **settings):
    spec = TrainingSpec(**{"epochs": 2, "learning_rate": 1e-3, **settings})
    rows = rows or (lambda: iter(batches(TRAINING)))
    return TrainingData(rows, None, True, spec, function, None, scored(base), state)


def method_data(base, training):
    def calibration():
        return (inputs for inputs, _ in batches(slice(0, 200), 1))

    return MethodData(calibration, _statistics(base), 1, training)


def train(base, target, training, **options):
    """Write a trained candidate."""
    target.parent.mkdir(parents=True, exist_ok=True)
    recipe = parse_recipe({"method": "qat", **options})
    METHODS.get("onnxruntime.qat").apply(base, recipe, method_data(base, training), target)
    return target
