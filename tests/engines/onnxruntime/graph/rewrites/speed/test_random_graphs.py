"""Random graphs of what the rules look for keep their outputs, and every rule finds something in them."""

from collections import Counter

import numpy as np
import pytest

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rules import SPEED
from tests.support.rewritable import Drawn
from tests.support.rewritten import rewritten

PARTS, GRAPHS = 4, 400


def rows(model):
    generator = np.random.default_rng(0)
    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    return [{"x": (generator.standard_normal(shape) * size).astype("f4")} for size in (0.1, 1, 20)]


@pytest.mark.parametrize("part", range(PARTS))
def test_outputs_are_kept(part):
    found = Counter()
    for number in range(part, GRAPHS, PARTS):
        model = Drawn(number).model
        _, counts = rewritten(model, rows(model))
        found.update(counts)
    assert set(SPEED) - IN_OTHER_GRAPHS <= found.keys()


IN_OTHER_GRAPHS = frozenset({"constant tables", "gelu", "layer norm", "one-hot", "softmax of two classes"})
"""Rules that find nothing in images; they have graphs of their own."""
