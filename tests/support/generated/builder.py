"""Puts one graph together: names, constants, weights, nodes; shapes are those of a batch of one row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

FREE_BATCH = "batch"
PRODUCER = "inc_mlflow tests"
INTERNAL = 4
"""First IR version whose initialisers need not be listed as inputs."""


@dataclass(frozen=True)
class Tensor:
    """A float tensor of the main graph; axis 0 is the batch, of length one."""

    name: str
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass
class Style:
    """What is drawn once for a whole graph."""

    opset: int
    ir_version: int
    dtype: type[np.floating]
    name: Callable[[int, str], str]
    node_names: bool
    constant_nodes: float
    shared: float
    listed_as_inputs: bool
    free_batch: bool


@dataclass
class GraphBuilder:
    """Layers add nodes to it. ``live`` holds all float tensors so far, the newest last."""

    rng: np.random.Generator
    style: Style
    rows: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    fed: dict[str, np.ndarray] = field(default_factory=dict)
    live: list[Tensor] = field(default_factory=list)
    functions: list[onnx.FunctionProto] = field(default_factory=list)
    domains: dict[str, int] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    positions: list[onnx.ValueInfoProto] = field(default_factory=list)
    """Integer outputs of the graph."""
    _made: int = 0

    @property
    def opset(self) -> int:
        return self.style.opset

    @property
    def float_type(self) -> int:
        return helper.np_dtype_to_tensor_dtype(np.dtype(self.style.dtype))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def fresh(self, word: str) -> str:
        """Return a name that no tensor has yet."""
        self._made += 1
        return self.style.name(self._made, word)

    def input(self, values: np.ndarray) -> Tensor:
        """Declare a graph input; ``values`` are its rows, (rows, ...)."""
        name = self.fresh("input")
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        batch = FREE_BATCH if self.style.free_batch else 1
        self.inputs.append(helper.make_tensor_value_info(name, kind, [batch, *values.shape[1:]]))
        self.fed[name] = values
        return Tensor(name, (1, *values.shape[1:]))

    def nodes_of(
        self, kind: str, inputs: Sequence[Tensor | str], outputs: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node and return the names of its outputs."""
        names = [self.fresh(kind) for _ in range(outputs)]
        given = [one.name if isinstance(one, Tensor) else one for one in inputs]
        title = self.fresh("node") if self.style.node_names else ""
        self.nodes.append(helper.make_node(kind, given, names, name=title, domain=domain, **attributes))
        self.kinds.add(kind)
        return names

    def add(
        self,
        kind: str,
        inputs: Sequence[Tensor | str],
        shape: Sequence[int],
        domain: str = "",
        **attributes: Any,
    ) -> Tensor:
        """Add a node with one float output of that shape."""
        (name,) = self.nodes_of(kind, inputs, 1, domain, **attributes)
        return Tensor(name, tuple(int(length) for length in shape))

    def constant(self, values: np.ndarray) -> str:
        """Return a tensor of these values, as an initialiser or a Constant node; floats in the graph's dtype."""
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(self.style.dtype)
        name = self.fresh("constant")
        if self.chance(self.style.constant_nodes):
            node = helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name))
            self.nodes.append(node)
            self.kinds.add("Constant")
        else:
            self.initializers[name] = array
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        """Return a constant without axes."""
        return self.constant(np.array(value, np.float32))

    def weight(self, shape: Sequence[int], fan_in: int) -> str:
        """Return weights that keep the variance, sometimes those of an earlier layer of equal shape."""
        equal = [name for name, array in self.initializers.items() if array.shape == tuple(shape)]
        equal = [name for name in equal if self.initializers[name].dtype.kind == "f"]
        if len(shape) > 1 and equal and self.chance(self.style.shared):
            return self.pick(equal)
        values = self.rng.standard_normal(shape) / np.sqrt(fan_in)
        if self.chance(0.1):
            values[..., 0] *= 4.0
        return self.constant(values)

    def bias(self, shape: Sequence[int]) -> str:
        """Return a small bias, sometimes one that another layer has."""
        equal = [name for name, array in self.initializers.items() if array.shape == tuple(shape)]
        equal = [name for name in equal if self.initializers[name].dtype.kind == "f"]
        if equal and self.chance(self.style.shared):
            return self.pick(equal)
        return self.constant(self.rng.standard_normal(shape) * 0.3)

    def other(self, tensor: Tensor) -> Tensor | None:
        """Return another tensor of equal shape."""
        others = [one for one in self.live if one.shape == tensor.shape and one.name != tensor.name]
        return self.pick(others) if others else None

    def model(self, outputs: Sequence[Tensor]) -> onnx.ModelProto:
        """Return the model with these outputs."""
        declared = [self.declare(one, self.float_type) for one in outputs]
        weights = [numpy_helper.from_array(array, name) for name, array in self.initializers.items()]
        listed = self.style.listed_as_inputs or self.style.ir_version < INTERNAL
        extra = [helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in weights]
        graph = helper.make_graph(
            self.nodes,
            "generated",
            self.inputs + (extra if listed else []),
            declared + self.positions,
            weights,
        )
        domains = {"": self.opset} | self.domains
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(domain, version) for domain, version in domains.items()],
            ir_version=self.style.ir_version,
            producer_name=PRODUCER,
            functions=self.functions,
        )

    def declare(self, tensor: Tensor, kind: int) -> onnx.ValueInfoProto:
        """Return the declaration of a graph output, its batch free or fixed."""
        lengths: list[int | str] = list(tensor.shape)
        if lengths and self.style.free_batch:
            lengths[0] = FREE_BATCH
        return helper.make_tensor_value_info(tensor.name, kind, lengths)
