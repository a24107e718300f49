"""Why a candidate is not faster: what stays in floating point, and what only converts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inc_mlflow.engines.openvino.profile import CountedNode
from inc_mlflow.records import Cause, Slow

_LAYERS = {"Convolution", "Deconvolution", "FullyConnected", "LSTMSequence", "MatMul", "RNNSeq"}
_CONVERTING = {"Convert", "FakeQuantize", "Reorder"}
_CONVERTED = "QuantizeLinear"
"""What stands in the name of a node that the quantised graph has for a conversion."""
_SLOWER = 1.1
_WORTH_SAYING = 0.05
_TOP = 3


@dataclass(frozen=True)
class _Kind:
    clause: str
    hint: str


_FLOAT = _Kind("in floating point", "quantise their inputs too: leave nothing out between layers")
_SLOW_KERNEL = _Kind("with an INT8 kernel slower than the float one", "leave these layers in FP32")
_CONVERSION = _Kind("only converting", "quantise fewer kinds of operators, or whole chains of layers")
_NEW = _Kind("fused into other nodes in the baseline", "leave the operators around them in FP32")


def explain(before: Mapping[str, CountedNode], after: Mapping[str, CountedNode]) -> Slow:
    """Compare the profile of a candidate (``after``) with that of the baseline (``before``)."""
    total, fp32 = (sum(one.seconds for one in nodes.values()) for nodes in (after, before))
    by_kind: dict[_Kind, list[CountedNode]] = {}
    for node in after.values():
        kind = _kind(node, before.get(node.name))
        if kind is not None:
            by_kind.setdefault(kind, []).append(node)
    found = (_cause(kind, nodes, before, total or 1.0) for kind, nodes in by_kind.items())
    causes = tuple(sorted(found, key=lambda cause: -cause.share))
    return Slow(seconds=total, baseline_seconds=fp32, causes=causes, summary=_summary(causes))


def _kind(node: CountedNode, fp32: CountedNode | None) -> _Kind | None:
    """Return the kind of cause that a node belongs to; None where its work is needed."""
    if node.kind in _LAYERS:
        if not node.int8:
            return _FLOAT
        return _SLOW_KERNEL if fp32 and node.seconds > _SLOWER * fp32.seconds else None
    if node.kind in _CONVERTING or (_CONVERTED in node.name and fp32 is None):
        return _CONVERSION
    return _NEW if fp32 is None else None


def _cause(
    kind: _Kind, nodes: Sequence[CountedNode], before: Mapping[str, CountedNode], total: float
) -> Cause:
    counts = Counter(node.kind for node in nodes).most_common()
    kinds = " and ".join(f"{count} {name}" for name, count in counts)
    return Cause(
        what=f"{kinds} {kind.clause}",
        count=len(nodes),
        share=sum(node.seconds for node in nodes) / total,
        fp32_share=sum(before[node.name].seconds for node in nodes if node.name in before) / total,
        nodes=tuple(node.name for node in sorted(nodes, key=lambda node: -node.seconds)),
        hint=kind.hint,
    )


def _summary(causes: Sequence[Cause]) -> str:
    costly = [cause for cause in causes if cause.share >= _WORTH_SAYING][:_TOP]
    if not costly:
        return "no node stands out: OpenVINO's INT8 kernels gain too little over the float ones here"
    return "of its time, " + "; ".join(f"{cause.share * 100:.0f} % goes to {cause.what}" for cause in costly)
