"""Attribute the time of kernels in an optimised graph to nodes of the baseline."""

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
"""Operators that only change type or layout, unless the baseline has such a node itself."""
_ADDED = re.compile(
    r"^fused |(?:_token_\d+|/duplicated|_nchwc|_quant|_QuantizeLinear_Output|_quantized|_q_to_dq|_post_dq)+$"
)
"""What the optimiser and the quantiser add to the names of baseline nodes and tensors."""
_VARIANT = re.compile(r"^(?:QLinear|DynamicQuantize|Fused|Nhwc|Skip|Q(?=[A-Z]))+|Integer(?:ToFloat)?$")
"""What kernels for integers, other layouts and fused neighbours add to an operator's name."""
_INTEGER = re.compile(r"^QLinear|^DynamicQuantize|^Q(?=[A-Z])|Integer")
_REACH = 8
"""Largest number of baseline nodes in a row that one kernel computes, when looking for its main operator."""


@dataclass(frozen=True)
class NodeCost:
    """What one baseline node costs in a model, in seconds per batch.

    The cost includes the nodes that are fused into the same kernel.
    """

    kernels: tuple[str, ...]
    """Operator types of the kernels that do its work, as ``QLinearConv``."""
    seconds: float
    conversions: float
    """Seconds for changes of type and layout: before or behind an integer kernel, or around a float one."""

    @property
    def integer(self) -> bool:
        """Tell whether the node runs in INT8."""
        return any(is_integer(kernel) for kernel in self.kernels)


def by_baseline_node(baseline: Path, profile: Profile) -> dict[str, NodeCost]:
    """Return what each baseline node costs in the profiled model.

    The profile is of the baseline itself, or of a candidate made from it. A node that is fused into the
    kernel of another one (a Relu behind its Conv, an Add behind its MatMul) has no entry. The costs add up to
    the profile, except for kernels that match no baseline node.
    """
    costs: dict[str, list[tuple[str, float, bool]]] = {}
    graph = OptimisedGraph(profile.graph, read_structure(baseline).graph)
    for node in profile.graph.node:
        owner = graph.owner(node)
        if owner is not None and node.name in profile.nodes:
            costs.setdefault(owner, []).append(
                (node.op_type, profile.nodes[node.name].seconds, graph.is_conversion(node))
            )
    return {name: _cost(parts) for name, parts in costs.items()}


def slower_nodes(baseline: Path, before: Profile, after: Profile) -> list[str]:
    """Return the baseline's nodes that are slower with INT8, conversions included; the slowest first."""
    fp32, int8 = (by_baseline_node(baseline, profile) for profile in (before, after))
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


class NodeIndex:
    """Index of a graph: nodes by name, and the writer and readers of each tensor."""

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


class OptimisedGraph(NodeIndex):
    """An optimised graph whose kernels are matched with baseline nodes."""

    def __init__(self, graph: onnx.GraphProto, baseline: onnx.GraphProto) -> None:
        super().__init__(graph)
        self.baseline = NodeIndex(baseline)

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
        """Name of each kernel that comes from a baseline node -> name of that node."""
        sources = {node.name: self._source(node) for node in self.nodes.values()}
        taken = {source.name for source in sources.values() if source is not None}
        return {
            name: self._main_node(self.nodes[name], source, taken)
            for name, source in sources.items()
            if source is not None
        }

    def _source(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the baseline node that a kernel's name or output points to."""
        stem = _ADDED.sub("", node.name)
        outputs = () if node.op_type in CONVERSIONS else (_ADDED.sub("", name) for name in node.output)
        candidates = [
            self.baseline.nodes.get(node.name),
            self.baseline.nodes.get(stem),
            self.baseline.writer.get(stem),
        ]
        candidates += [self.baseline.writer.get(name) or self.baseline.nodes.get(name) for name in outputs]
        same = (source for source in candidates if source is not None)
        return next(
            (source for source in same if node.op_type not in CONVERSIONS or source.op_type == node.op_type),
            None,
        )

    def _main_node(self, kernel: onnx.NodeProto, last: onnx.NodeProto, taken: set[str]) -> str:
        """Go back from the last node of a fused kernel to its main node: from a Relu to its Conv."""
        wanted = operator(kernel.op_type)
        front = [last]
        for _ in range(_REACH):
            for node in front:
                if operator(node.op_type) == wanted:
                    return node.name
            writers = [writer for node in front for writer in self.baseline.before(node)]
            front = [writer for writer in writers if writer.name not in taken]
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
            for near in front:
                if near.name in self._works:
                    return self._works[near.name]
            seen |= {near.name for near in front}
            front = [other for near in front for other in step(near) if other.name not in seen]
        return None


def operator(kernel: str) -> str:
    """Return the operator that a kernel computes: Conv for NhwcFusedConv, MatMul for Gemm."""
    name = _VARIANT.sub("", kernel)
    return "MatMul" if name == "Gemm" else name
