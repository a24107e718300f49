"""Random small graphs of what the rules look for in models of text: one-hot encodings, tables, norms, GELU, two classes.

``x`` are ids, some of them out of range. Each form is one that an exporter writes.
"""

import numpy as np
from onnx import TensorProto, helper

from tests.support.drawing import Drawing

DEPTH, WIDTH, PLACES, STEPS = 6, 8, 5, 6
IDS = (1, PLACES)
EXTRA_OUTPUT = 0.05
"""Chance that a tensor is an output of the graph as well."""


class DrawnText(Drawing):
    """Rows of a table for ids, a chain of steps on them, and two classes or the last tensor."""

    def __init__(self, number: int, exact: bool = False) -> None:
        super().__init__(number, exact)
        last = self.read("x")
        for _ in range(int(self.rng.integers(2, STEPS))):
            last = getattr(self, str(self.rng.choice(STEP_KINDS)))(last)
        self.two_classes(last)
        rows = [name for name, shape in self.shapes.items() if name != "y" and shape == (*IDS, WIDTH)]
        extra = [name for name in rows if self.rng.random() < EXTRA_OUTPUT]
        inputs = [helper.make_tensor_value_info("x", TensorProto.INT64, IDS)]
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name])
            for name in ("y", *extra)
        ]
        constants = [
            helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape, a)
            for name, a in self.constants.items()
        ]
        graph = helper.make_graph(self.nodes, "graph", inputs, outputs, constants)
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def step(self, kind, *inputs, **attributes):
        """Add an elementwise operator on rows."""
        return self.add(kind, inputs, (*IDS, WIDTH), **attributes)

    def number(self, value):
        """Add a number that stays as it is."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.array(value, "f4")
        return name

    def normal(self, *shape):
        return self.constant(self.rng.standard_normal(shape))

    def read(self, ids):
        table = self.normal(DEPTH, WIDTH)
        kind = self.rng.choice(["OneHot", "Equal", "Gather"])
        if kind == "Gather":
            last = self.constant(np.array(DEPTH - 1))
            return self.step("Gather", table, self.add("Clip", [ids, self.constant(np.array(0)), last], IDS))
        if kind == "OneHot":
            ends = self.constant(np.array([0.0, 1.0]))
            hot = self.add("OneHot", [ids, self.constant(np.array(DEPTH)), ends], (*IDS, DEPTH))
        else:
            column = self.add("Unsqueeze", [ids, self.constant(np.array([-1]))], (*IDS, 1))
            numbers = self.constant(np.arange(DEPTH).reshape(1, 1, DEPTH))
            same = self.add("Equal", [column, numbers], (*IDS, DEPTH))
            hot = self.add("Cast", [same], (*IDS, DEPTH), to=TensorProto.FLOAT)
        return self.step("MatMul", hot, table)

    def affine(self, given):
        kind = str(self.rng.choice(["Add", "Mul", "Sub"]))
        return self.step(kind, given, self.normal(*[(), (WIDTH,), (1, 1, WIDTH)][self.rng.integers(3)]))

    def linear(self, given):
        return self.step("Add", self.step("MatMul", given, self.normal(WIDTH, WIDTH)), self.normal(WIDTH))

    def twice(self, given):
        return self.step("Add", given, self.other(given))

    def norm(self, given):
        mean = self.add("ReduceMean", [given], (*IDS, 1), axes=[-1])
        off = self.step("Sub", given, mean)
        square = self.step(
            *(("Mul", off, off) if self.rng.random() < 0.5 else ("Pow", off, self.number(2.0)))
        )
        variance = self.add("ReduceMean", [square], (*IDS, 1), axes=[-1])
        root = self.add("Sqrt", [self.add("Add", [variance, self.number(1e-5)], (*IDS, 1))], (*IDS, 1))
        gain, shift = self.normal(WIDTH), self.normal(WIDTH)
        if self.rng.random() < 0.4:
            return self.step("Add", self.step("Mul", self.step("Div", off, root), gain), shift)
        inverse = self.add("Reciprocal", [root], (*IDS, 1))
        if self.rng.random() < 0.5:
            return self.step("Add", shift, self.step("Mul", gain, self.step("Mul", off, inverse)))
        factor = self.step("Mul", inverse, gain)
        rest = self.step("Sub", shift, self.step("Mul", mean, factor))
        return self.step("Add", self.step("Mul", given, factor), rest)

    def gelu(self, given):
        if self.rng.random() < 0.5:
            bent = self.step("Erf", self.step("Mul", given, self.number(0.5**0.5)))
        else:
            cube = self.step("Mul", given, self.step("Mul", given, given))
            total = self.step("Add", given, self.step("Mul", cube, self.number(0.044715)))
            bent = self.step("Tanh", self.step("Mul", self.number((2 / np.pi) ** 0.5), total))
        raised = self.step("Add", bent, self.number(1.0))
        half = self.number(0.5)
        if self.rng.random() < 0.5:
            return self.step("Mul", self.step("Mul", given, raised), half)
        return self.step("Mul", given, self.step("Mul", half, raised))

    def two_classes(self, given):
        if self.rng.random() < 0.3:
            self.step("Relu", given)
            self.add("Identity", [given], (*IDS, WIDTH), "y")
            return
        scores = self.add("MatMul", [given, self.normal(WIDTH, 2)], (*IDS, 2))
        if self.rng.random() < 0.5:
            scores = self.add("Add", [scores, self.normal(2)], (*IDS, 2))
        self.add("Softmax", [scores], (*IDS, 2), "y", axis=-1)


STEP_KINDS = ("affine", "affine", "affine", "linear", "twice", "norm", "norm", "gelu", "gelu")
