"""Small networks trained on scikit-learn's digits, and rescaled: the same function, but hard to round."""

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifier
from sklearn.neural_network import MLPClassifier

from inc_mlflow.engines.engine import MethodData as Calibration
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from tests.support.graphs import model
from tests.support.onnx_candidates import compress

HIDDEN = 32
CALIBRATION = 200


@cache
def digits():
    """Rows of 64 pixels in 0..1 and their labels."""
    data = load_digits()
    return (data.data / 16).astype("f4"), data.target


@cache
def hidden_weights():
    """Trained weights (64, HIDDEN), bias, weights (HIDDEN, 10), bias."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # good enough long before
        trained = MLPClassifier((HIDDEN,), max_iter=30, random_state=0).fit(*digits())
    return trained.coefs_[0], trained.intercepts_[0], trained.coefs_[1], trained.intercepts_[1]


def uneven_network(layer="Gemm"):
    """A 64-HIDDEN-10 network; its hidden channels are scaled by 1 to 100, and back in the last layer."""
    w1, b1, w2, b2 = hidden_weights()
    factors = 10 ** np.random.default_rng(1).uniform(0, 2, HIDDEN)
    weights = {"w1": w1 * factors, "b1": b1 * factors, "w2": w2 / factors[:, None], "b2": b2}
    if layer == "Gemm":
        first = [helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], name="one")]
        last = [helper.make_node("Gemm", ["r", "w2", "b2"], ["logits"], name="two")]
    else:
        first = as_sequence("x", "w1", "b1", "h")
        last = [helper.make_node("MatMul", ["r", "w2"], ["m2"], name="two")]
        last += [
            helper.make_node("Add", ["m2", "b2"], ["s"], name="bias2"),
            helper.make_node("Flatten", ["s"], ["logits"]),
        ]
    return network([*first, helper.make_node("Relu", ["h"], ["r"], name="relu"), *last], weights)


def as_sequence(source, weights, bias, target):
    """MatMul and Add over an axis of length one more, which nobody fuses to Gemm."""
    return [
        helper.make_node("Reshape", [source, "sequence"], [f"{source}_3d"], name=f"{source}_3d"),
        helper.make_node("MatMul", [f"{source}_3d", weights], [f"{target}_m"], name="one"),
        helper.make_node("Add", [bias, f"{target}_m"], [target], name="bias1"),
    ]


@cache
def linear_weights():
    """Weights (64, 10) and bias of a classifier trained on normalised rows."""
    rows, labels = digits()
    normal = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + 1e-5)
    trained = RidgeClassifier().fit(normal, labels)
    return trained.coef_.T, trained.intercept_


def outlier_network(decomposed=False):
    """LayerNormalization, then a trained linear layer.

    Four channels of the activations are 60 times the others.
    """
    w, b = linear_weights()
    gamma = np.ones(64)
    gamma[[20, 27, 36, 43]] = 60
    weights = {"gamma": gamma, "beta": 0.1 * gamma, "w": w / gamma[:, None], "b": b - 0.1 * w.sum(0)}
    norm = [helper.make_node("LayerNormalization", ["x", "gamma", "beta"], ["n"], name="norm")]
    if decomposed:
        weights["ones"] = np.ones(64)
        norm = [
            helper.make_node("LayerNormalization", ["x", "ones"], ["plain"], name="norm"),
            helper.make_node("Mul", ["plain", "gamma"], ["scaled"], name="gamma"),
            helper.make_node("Add", ["beta", "scaled"], ["n"], name="beta"),
        ]
    linear = [
        helper.make_node("MatMul", ["n", "w"], ["m"], name="linear"),
        helper.make_node("Add", ["m", "b"], ["logits"], name="bias"),
    ]
    return network([*norm, *linear], weights)


def network(nodes, weights):
    weights = {name: value.astype("f4") for name, value in weights.items()} | {
        "sequence": np.array([-1, 1, 64])
    }
    return model(nodes, weights, {"x": ["n", 64]}, {"logits": ["n", 10]}, 17)


def candidate(graph: onnx.ModelProto, folder: Path, recipe, without=()) -> Path:
    """Compress a network of digits the way a job does, imported without some rewrites."""
    folder.mkdir()
    onnx.save(graph, folder / "source.onnx")
    normalize(folder / "source.onnx", folder, without)
    batches = np.split(digits()[0][:CALIBRATION], 8)
    ranges = collect(folder / MODEL, [{"x": batch} for batch in batches], threads=1)
    compress(
        folder / MODEL,
        recipe,
        Calibration(lambda: [{"x": batch} for batch in batches], ranges, 1),
        folder / "int8.onnx",
    )
    return folder / "int8.onnx"


def judged(path: Path, exact: np.ndarray | None = None):
    """Logits of rows that calibration did not see, their accuracy, and signal to noise in decibels."""
    rows, labels = (part[CALIBRATION:] for part in digits())
    logits = Runner(path, threads=1)({"x": rows})["logits"]
    noise = None if exact is None else float(10 * np.log10((exact**2).sum() / ((exact - logits) ** 2).sum()))
    return logits, float((logits.argmax(1) == labels).mean()), noise
