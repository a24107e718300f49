"""What random graphs are drawn with: nodes, constants and shapes by number, and exact numbers on demand."""

import numpy as np
import onnx
from onnx import helper


class Drawing:
    """Nodes and constants of graph ``number``.

    ``exact``: constants are powers of two, so that float32 holds whatever rules fold of them, and a comparison in
    float64 sees a wrong formula and no rounding.
    """

    def __init__(self, number: int, exact: bool) -> None:
        self.rng = np.random.default_rng([16, number])
        self.exact = exact
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def add(self, kind, inputs, shape, name=None, **attributes):
        out = name or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        self.shapes[out] = tuple(shape)
        return out

    def constant(self, values):
        """Add a constant; one of floats may be rounded."""
        name = f"c{len(self.constants)}"
        array = np.asarray(values)
        if array.dtype != np.int64:
            array = (powers_of_two(array) if self.exact else array).astype("f4")
        self.constants[name] = array
        return name

    def other(self, given):
        """Return another tensor of the same shape, or the same."""
        equal = [name for name, shape in self.shapes.items() if shape == self.shapes[given] and name != given]
        return str(self.rng.choice(equal)) if equal else given


def powers_of_two(values: np.ndarray, base: float = 2.0) -> np.ndarray:
    """Return the nearest powers of a base with the same signs; 0 stays."""
    size = np.abs(values)
    exponents = np.round(np.log(np.where(size > 0, size, 1.0)) / np.log(base))
    return np.sign(values) * base**exponents
