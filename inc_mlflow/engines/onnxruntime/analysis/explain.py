"""Why a candidate is not faster: kernels that the baseline does not need, or runs faster."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.analysis.attribution import (
    OptimisedGraph,
    by_baseline_node,
    is_integer,
    operator,
)
from inc_mlflow.engines.onnxruntime.analysis.profile import Profile
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.records import Cause, Slow

_COMPUTING = {
    "Add",
    "AveragePool",
    "Concat",
    "Conv",
    "GlobalAveragePool",
    "LeakyRelu",
    "MatMul",
    "Mul",
    "Sigmoid",
    "Softmax",
}
_MOVING = {
    "Flatten",
    "Gather",
    "MaxPool",
    "Reshape",
    "Resize",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    "Where",
}
_WITH_KERNEL = _COMPUTING | _MOVING | {"Relu", "Clip"}
"""Operators that the CPU provider runs on integers; Relu and Clip are fused into quantisation."""
_SLOWER = 1.1
"""Ratio above which an INT8 kernel counts as slower: profiles of one kernel differ by a few percent."""
_NAMED = 4
"""Largest number of operator types that a cause names."""
_WORTH_SAYING = 0.05
"""The summary names a cause from this share of the candidate's time on, less the baseline's for the same
work."""
_TOP = 3


@dataclass(frozen=True)
class _Kind:
    """A kind of cause: the text behind the names of the operators, and a hint what to do."""

    clause: str
    hint: str


_UNFUSED = _Kind(
    "not fused",
    "quantise fewer kinds of operators, as op_types_to_quantize: [Conv, MatMul]; "
    "on x86 use activation_type: QUInt8",
)
_WEIGHTS = _Kind(
    "converting weights in every run", "exclude the FP32 operators that read them with nodes_to_exclude"
)
_RANGES = _Kind("finding the range of activations in every run", "use method: static")
_SCALING = _Kind("scaling integer results, not fused", "use method: static, or leave those operators FP32")
_LOST_FUSION = _Kind(
    "fused into other nodes in the baseline", "leave these operators out of op_types_to_quantize"
)
_ISLAND = _Kind(
    "run in FP32 between conversions although INT8 kernels exist",
    "on x86 use activation_type: QUInt8; or exclude them with nodes_to_exclude",
)
_NO_KERNEL = _Kind("without an INT8 kernel, between conversions", "leave these operators' neighbours FP32")
_SLOW_KERNEL = _Kind("with an INT8 kernel slower than the FP32 one", "exclude them with nodes_to_exclude")
_LAYOUT = _Kind("only changing the layout", "quantise whole chains of convolutions, or none of a chain")


def explain(baseline: Path, before: Profile, after: Profile) -> Slow:
    """Compare the profile of a candidate (``after``) with that of the baseline (``before``).

    Both must come from one call of ``profile``. Raises ModelError where the baseline cannot be read.
    """
    comparison = _Comparison(baseline, before, after)
    by_kind: dict[_Kind, list[onnx.NodeProto]] = {}
    for node in after.graph.node:
        kind = comparison.kind(node) if node.name in after.nodes else None
        if kind is not None:
            by_kind.setdefault(kind, []).append(node)
    found = (comparison.cause(kind, nodes) for kind, nodes in by_kind.items())
    causes = tuple(sorted(found, key=lambda cause: -cause.share))
    return Slow(
        seconds=after.seconds, baseline_seconds=before.seconds, causes=causes, summary=_summary(causes)
    )


class _Comparison:
    """The kernels of a candidate, compared with the time of the baseline for the same nodes."""

    def __init__(self, baseline: Path, before: Profile, after: Profile) -> None:
        self._after = after
        self._total = after.seconds or 1.0  # a model may be too small for the profiler
        self._graph = OptimisedGraph(after.graph, read_structure(baseline).graph)
        self._fp32 = by_baseline_node(baseline, before)
        self._int8 = by_baseline_node(baseline, after)
        self._weights = {tensor.name for tensor in after.graph.initializer}
        self._ends = {value.name for value in (*after.graph.input, *after.graph.output)}

    def kind(self, node: onnx.NodeProto) -> _Kind | None:
        """Return the kind of cause that a kernel belongs to; None where its work is needed."""
        if self._graph.is_conversion(node):
            return self._conversion(node)
        owner = self._graph.owner(node)
        if owner is None:
            return None
        if self._int8[owner].integer and not is_integer(node.op_type):
            return _SCALING
        if owner not in self._fp32:
            return _LOST_FUSION
        return self._slower(owner) if is_integer(node.op_type) else self._between(node)

    def _conversion(self, node: onnx.NodeProto) -> _Kind | None:
        """Return the kind of a conversion; None at FP32 inputs and outputs, where it is needed."""
        if node.op_type in _OTHER_CONVERSIONS:
            return _OTHER_CONVERSIONS[node.op_type]
        if self._ends & {node.input[0], node.output[0]}:
            return None
        return _WEIGHTS if node.input[0] in self._weights else _UNFUSED

    def _slower(self, owner: str) -> _Kind | None:
        return _SLOW_KERNEL if self._int8[owner].seconds > _SLOWER * self._fp32[owner].seconds else None

    def _between(self, node: onnx.NodeProto) -> _Kind | None:
        before, after = (
            (self._graph.before(node), "DequantizeLinear"),
            (self._graph.after(node), "QuantizeLinear"),
        )
        if not all(any(near.op_type == wanted for near in nodes) for nodes, wanted in (before, after)):
            return None
        return _ISLAND if operator(node.op_type) in _WITH_KERNEL else _NO_KERNEL

    def cause(self, kind: _Kind, nodes: Sequence[onnx.NodeProto]) -> Cause:
        """Sum up the kernels of one kind, and what the baseline spends on the same work."""
        work = kind is not _SCALING and not self._graph.is_conversion(nodes[0])
        spent: dict[str, float] = {}
        for node in nodes:
            name = self._graph.owner(node) or node.name
            spent[name] = spent.get(name, 0.0) + self._after.nodes[node.name].seconds
        fp32 = sum(self._fp32[name].seconds for name in spent if work and name in self._fp32)
        return Cause(
            what=f"{_counted(node.op_type for node in nodes)} {kind.clause}",
            count=len(nodes),
            share=sum(spent.values()) / self._total,
            fp32_share=fp32 / self._total,
            nodes=tuple(sorted(spent, key=lambda name: -spent[name])),
            hint=kind.hint,
        )


def _counted(op_types: Iterable[str]) -> str:
    """Write "61 DequantizeLinear and 43 QuantizeLinear", the most frequent first."""
    counts = Counter(op_types).most_common()
    named = [f"{count} {op_type}" for op_type, count in counts[:_NAMED]]
    others = sum(count for _, count in counts[_NAMED:])
    *first, last = [*named, *([f"{others} more"] if others else [])]
    return f"{', '.join(first)} and {last}" if first else last


def _summary(causes: Sequence[Cause]) -> str:
    """Name the causes that cost most beyond what the baseline spends on the same work."""
    worth_saying = (cause for cause in causes if _excess(cause) >= _WORTH_SAYING)
    costly = sorted(worth_saying, key=_excess, reverse=True)[:_TOP]
    if not costly:
        return "no kernel stands out: the INT8 kernels gain too little over the FP32 ones here"
    return "of its time, " + "; ".join(
        f"{cause.share * 100:.0f} % goes to {cause.what}{_in_fp32(cause)}" for cause in costly
    )


def _in_fp32(cause: Cause) -> str:
    return f" (FP32: {cause.fp32_share * 100:.0f} %)" if cause.fp32_share >= _WORTH_SAYING else ""


def _excess(cause: Cause) -> float:
    return cause.share - cause.fp32_share


_OTHER_CONVERSIONS = {
    "DynamicQuantizeLinear": _RANGES,
    "Cast": _SCALING,
    "Transpose": _LAYOUT,
    "ReorderInput": _LAYOUT,
    "ReorderOutput": _LAYOUT,
}
