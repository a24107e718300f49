"""Apply the rules that make a graph faster, and compare what it computes before and after."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import apply_rules
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rules import STAGES

TOLERANCE = 1e-4
"""Largest difference, as a share of the largest value of an output."""
SIZES = (1e-3, 1.0, 30.0, 1e4)
"""Scales of the rows: some reach every bend of an activation, some only one end."""


def rewritten(
    model: onnx.ModelProto, rows: Sequence[Arrays], without: Sequence[str] = ()
) -> tuple[onnx.ModelProto, dict[str, int]]:
    """Return the changed model and how often each rule was applied; its outputs are those of before."""
    before = onnx.shape_inference.infer_shapes(model)
    after = onnx.ModelProto()
    after.CopyFrom(before)
    counts = {name: n for name, n in apply_rules(after, Path(), STAGES, without).items() if n}
    onnx.checker.check_model(after)
    expected, found = run(before, rows), run(after, rows)
    for one, other in zip(expected, found, strict=True):
        for name in one:
            finite = np.abs(one[name][np.isfinite(one[name])])
            bound = TOLERANCE * (float(finite.max(initial=0)) or 1.0)
            assert one[name].dtype == other[name].dtype
            np.testing.assert_allclose(other[name], one[name], rtol=0, atol=bound, err_msg=name)
    return after, counts


def images(*shape: int, seed: int = 0) -> list[Arrays]:
    """Return rows for an input ``x``, one of each size."""
    generator = np.random.default_rng(seed)
    return [{"x": (generator.standard_normal(shape) * size).astype("f4")} for size in SIZES]


def kinds(model: onnx.ModelProto) -> list[str]:
    """Return the operators in their order."""
    return [node.op_type for node in model.graph.node]


def run(model: onnx.ModelProto, rows: Sequence[Arrays]) -> list[Arrays]:
    """Return the outputs of each row, without any optimisation."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads, settings.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_outputs()]
    return [dict(zip(names, session.run(None, row), strict=True)) for row in rows]
