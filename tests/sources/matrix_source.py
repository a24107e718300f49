"""A framework of one matrix, saved by np.save: what a package adds by entry points to import its models."""

import os
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.registry.sources import SourceEntry
from inc_mlflow.sources.source import Converted, framework_call
from inc_mlflow.spec import SourceSpec


class MatrixModel(SourceSpec):
    """As {matrix: w.npy}; ``fault`` is what goes wrong."""

    matrix: Annotated[str, Field(description="A file of np.save.")]
    fault: str = ""


class Matrix:
    """The matrix in memory."""

    def __init__(self, weights: np.ndarray, fault: str) -> None:
        self.weights, self.fault = weights, fault

    def convert(self, target: Path) -> Converted:
        """Write a product and its maximum with 0."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        if self.fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.fault == "bug":
            raise KeyError("a bug of ours")
        with framework_call("model: the matrix cannot be converted"):
            if self.fault == "raises":
                raise RuntimeError("no\nsuch\x1b matrix")
        weights = self.weights * (1.001 if self.fault == "parts" else 1)
        rows, columns = weights.shape
        graph = helper.make_graph(
            [
                helper.make_node("MatMul", ["x", "w"], ["product"]),
                helper.make_node("Relu", ["product"], ["y"]),
            ],
            "matrix",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", rows])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", columns])],
            [numpy_helper.from_array(weights.astype("f4"), "w")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, target)
        return Converted("matrix 1.0", ("product",), ("a note",))

    def run(self, inputs: Arrays, layers: Collection[str] = ()) -> Arrays:
        """Multiply."""
        product = inputs["x"] @ self.weights
        return {"y": np.maximum(product, 0)} | ({"product": product} if "product" in layers else {})

    def use_default_speed(self, threads: int) -> None:
        """A product is as fast as it is."""


class MatrixSource:
    """Opens such files."""

    def open(self, spec: MatrixModel, root: Path) -> Matrix:
        """Read the file."""
        with framework_call(f"model.matrix: {root / spec.matrix} cannot be read; save it with np.save"):
            return Matrix(np.load(root / spec.matrix, allow_pickle=False), spec.fault)


SOURCE = MatrixSource()
ENTRY = SourceEntry(
    "matrix_source:SOURCE",
    "one matrix of NumPy's",
    options="matrix_source:MatrixModel",
    suffixes=(".matrix",),
    marks=("matrix.json",),
    beside=(".rows",),
)
