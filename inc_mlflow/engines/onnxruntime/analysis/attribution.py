"""Whose time it is: from the kernels of an optimised graph back to the baseline's nodes."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.analysis.profile import Profile
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure

CONVERSIONS = frozenset(
    {
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "ReorderInput",
        "ReorderOutput",
        "Transpose",
        "Cast",
    }
)
"""Operators that compute nothing, where the baseline has no such node: they change type or layout."""
_ADDED = re.compile(
    r"^fused |(?:_token_\d+|/duplicated|_nchwc|_quant|_QuantizeLinear_Output|_quantized|_q_to_dq|_post_dq)+$"
)
"""What the optimiser and the quantiser add to the names of baseline nodes and tensors."""
_VARIANT = re.compile(r"^(?:QLinear|DynamicQuantize|Fused|Nhwc|Skip|Q(?=[A-Z]))+|Integer(?:ToFloat)?$")
"""What kernels for integers, other layouts and fused neighbours add to an operator's name."""
_INTEGER = re.compile(r"^QLinear|^DynamicQuantize|^Q(?=[A-Z])|Integer")
_REACH = 8
"""Baseline nodes that one kernel can hold in a row, at most, when the operator it is named after is looked
for."""


@dataclass(frozen=True)
class NodeCost:
    """What one baseline node costs in a model, seconds per batch.

    Nodes that a kernel holds beside it are included.
    """

    kernels: tuple[str, ...]
    """Operator types of the kernels that do its work, as ``QLinearConv``."""
    seconds: float
    conversions: float
    """Changes of type and layout made for it: before an integer kernel, behind it, or around a float one."""

    @property
    def integer(self) -> bool:
        """Tell whether it runs in INT8."""
        return any(is_integer(kernel) for kernel in self.kernels)


def by_baseline_node(baseline: Path, profile: Profile) -> dict[str, NodeCost]:
    """Return what each baseline node costs in the profiled model: the baseline itself, or a candidate made from it.

    A node that another one's kernel holds (a Relu behind its Conv, an Add behind its MatMul) has no entry.
    The costs add up to the profile, but for kernels in which nothing of the baseline can be found.
    """
    costs: dict[str, list[tuple[str, float, bool]]] = {}
    graph = Executed(profile.graph, read_structure(baseline).graph)
    for node in profile.graph.node:
        owner = graph.owner(node)
        if owner is not None and node.name in profile.nodes:
            costs.setdefault(owner, []).append(
                (node.op_type, profile.nodes[node.name].seconds, graph.is_conversion(node))
            )
    return {name: _cost(parts) for name, parts in costs.items()}


def slower_nodes(baseline: Path, before: Profile, after: Profile) -> list[str]:
    """Return the baseline's nodes whose integer kernels and conversions take longer than FP32, the slowest first."""
    fp32, int8 = (by_baseline_node(baseline, one) for one in (before, after))
    loss = {
        name: cost.seconds + cost.conversions - fp32[name].seconds - fp32[name].conversions
        for name, cost in int8.items()
        if cost.integer and name in fp32
    }
    return sorted((name for name, seconds in loss.items() if seconds > 0), key=lambda name: -loss[name])


def _cost(parts: Iterable[tuple[str, float, bool]]) -> NodeCost:
    work = [(op_type, seconds) for op_type, seconds, conversion in parts if not conversion]
    conversions = sum(seconds for _, seconds, conversion in parts if conversion)
    return NodeCost(tuple(op_type for op_type, _ in work), sum(seconds for _, seconds in work), conversions)


def is_integer(op_type: str) -> bool:
    """Tell whether a kernel computes in INT8."""
    return _INTEGER.search(op_type) is not None


class Graph:
    """Who writes and who reads each tensor."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes = {node.name: node for node in graph.node}
        self.writer = {name: node for node in graph.node for name in node.output if name}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def before(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Return the nodes that write this one's inputs."""
        return [self.writer[name] for name in node.input if name in self.writer]

    def after(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Return the nodes that read this one's outputs."""
        return [reader for name in node.output for reader in self.readers.get(name, ())]


class Executed(Graph):
    """An optimised graph whose kernels know the baseline nodes they come from."""

    def __init__(self, graph: onnx.GraphProto, baseline: onnx.GraphProto) -> None:
        super().__init__(graph)
        self.baseline = Graph(baseline)

    def is_conversion(self, node: onnx.NodeProto) -> bool:
        """Tell whether a kernel only changes type or layout and the baseline has no such node."""
        return node.op_type in CONVERSIONS and node.name not in self._works

    def owner(self, node: onnx.NodeProto) -> str | None:
        """Return the baseline node that a kernel's time is charged to."""
        if node.name in self._works:
            return self._works[node.name]
        behind = self._integer_before(node) if node.op_type == "DequantizeLinear" else None
        return behind or self._nearest(node, self.after) or self._nearest(node, self.before)

    @cached_property
    def _works(self) -> dict[str, str]:
        """Kernels that come from a baseline node, with its name."""
        found = {node.name: self._found(node) for node in self.nodes.values()}
        taken = {one.name for one in found.values() if one is not None}
        return {
            name: self._named_after(self.nodes[name], one, taken)
            for name, one in found.items()
            if one is not None
        }

    def _found(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the baseline node that a kernel's name or output points to."""
        stem = _ADDED.sub("", node.name)
        outputs = () if node.op_type in CONVERSIONS else (_ADDED.sub("", name) for name in node.output)
        candidates = [
            self.baseline.nodes.get(node.name),
            self.baseline.nodes.get(stem),
            self.baseline.writer.get(stem),
        ]
        candidates += [self.baseline.writer.get(name) or self.baseline.nodes.get(name) for name in outputs]
        same = (one for one in candidates if one is not None)
        return next(
            (one for one in same if node.op_type not in CONVERSIONS or one.op_type == node.op_type), None
        )

    def _named_after(self, kernel: onnx.NodeProto, last: onnx.NodeProto, taken: set[str]) -> str:
        """Go back from the last node that a kernel holds to the one it is named after: from a Relu to its Conv."""
        wanted = operator(kernel.op_type)
        front = [last]
        for _ in range(_REACH):
            for one in front:
                if operator(one.op_type) == wanted:
                    return one.name
            front = [node for one in front for node in self.baseline.before(one) if node.name not in taken]
        return last.name

    def _integer_before(self, node: onnx.NodeProto) -> str | None:
        for writer in self.before(node):
            if is_integer(writer.op_type) and writer.name in self._works:
                return self._works[writer.name]
            if self.is_conversion(writer):
                return self._integer_before(writer)
        return None

    def _nearest(
        self, node: onnx.NodeProto, step: Callable[[onnx.NodeProto], list[onnx.NodeProto]]
    ) -> str | None:
        front, seen = step(node), {node.name}
        while front:
            for one in front:
                if one.name in self._works:
                    return self._works[one.name]
            seen |= {one.name for one in front}
            front = [other for one in front for other in step(one) if other.name not in seen]
        return None


def operator(kernel: str) -> str:
    """Return the operator that a kernel computes: Conv for NhwcFusedConv; a Gemm is a MatMul with a bias."""
    name = _VARIANT.sub("", kernel)
    return "MatMul" if name == "Gemm" else name
