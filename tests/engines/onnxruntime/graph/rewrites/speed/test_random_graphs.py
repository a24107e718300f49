"""Random graphs of what the rules look for keep their outputs, and every rule finds something in them.

In ONNX Runtime to 1e-4, with any constants. In float64 to 1e-9, with constants that float32 holds exactly: what is left of
a difference is a wrong formula. Where GELU stands, its numbers (the root of 2, 0.044715) are rounded in every form, and
a table that holds its values is too: float32's rounding is allowed there.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import apply_rules
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rules import SPEED, STAGES
from tests.support.float64 import evaluated
from tests.support.rewritable import CHANNELS, LENGTH, Drawn
from tests.support.rewritable_text import DEPTH, IDS, DrawnText
from tests.support.rewritten import rewritten

PARTS, GRAPHS = 4, 400
EXACT, ROUNDED = 1e-9, 1e-6
"""Largest difference, as a share of the largest value of an output; without GELU and with it."""


def images():
    generator = np.random.default_rng(0)
    shape = (1, CHANNELS, LENGTH, LENGTH)
    return [{"x": (generator.standard_normal(shape) * size).astype("f4")} for size in (0.1, 1, 20)]


def ids():
    """Rows of ids in range, and some that are not."""
    generator = np.random.default_rng(0)
    return [{"x": generator.integers(-DEPTH, 2 * DEPTH, IDS)} for _ in range(3)]


def largest_difference(before, after, rows):
    """Return that of two models in float64, as a share of the largest value of its output."""
    pairs = zip(evaluated(before, rows), evaluated(after, rows), strict=True)
    values = [(one[name], other[name]) for one, other in pairs for name in one]
    assert all(a.dtype == b.dtype == np.float64 for a, b in values)
    return max(float(np.abs(a - b).max() / (np.abs(a).max() or 1.0)) for a, b in values)


@pytest.mark.parametrize(("drawn", "rows"), [(Drawn, images()), (DrawnText, ids())], ids=["images", "text"])
@pytest.mark.parametrize("part", range(PARTS))
def test_outputs_are_kept(part, drawn, rows):
    found = Counter()
    for number in range(part, GRAPHS, PARTS):
        found.update(rewritten(drawn(number).model, rows)[1])
    assert found.keys() >= FOUND_IN[drawn]


@pytest.mark.parametrize(("drawn", "rows"), [(Drawn, images()), (DrawnText, ids())], ids=["images", "text"])
def test_formulas_are_exact(drawn, rows):
    found = Counter()
    for number in range(0, GRAPHS, PARTS):
        before = onnx.shape_inference.infer_shapes(drawn(number, exact=True).model)
        after = onnx.ModelProto()
        after.CopyFrom(before)
        counts = {name: n for name, n in apply_rules(after, Path(), STAGES, ()).items() if n}
        found.update(counts)
        bends = any(node.op_type in {"Erf", "Tanh"} for node in before.graph.node)
        bound = ROUNDED if bends else EXACT
        assert largest_difference(before, after, rows) <= bound, (number, counts)
    assert found.keys() >= FOUND_IN[drawn]


IN_TEXT = {"constant tables", "gelu", "layer norm", "one-hot", "softmax of two classes"}
FOUND_IN = {Drawn: set(SPEED) - IN_TEXT, DrawnText: IN_TEXT}
"""Rules that graphs of each kind must give work to."""
