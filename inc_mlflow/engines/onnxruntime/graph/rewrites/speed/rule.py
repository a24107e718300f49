"""What a rule is, and how all of them are applied until none finds anything more."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.graph.rewrites.opset import OPSET, opset_of
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph

_MOST_ROUNDS = 50
"""A chain of operators moves one step in a round; longer ones are left as they are then."""


@dataclass(frozen=True)
class Rule:
    """One kind of change that keeps the outputs for all inputs, up to the rounding of float32.

    ``apply`` changes the graph wherever the rule's guard holds, and returns how often.
    """

    name: str
    apply: Callable[[EditedGraph], int]


def apply_rules(
    model: onnx.ModelProto, folder: Path, stages: Sequence[Sequence[Rule]], without: Collection[str]
) -> dict[str, int]:
    """Change ``model``, whose external weights are in ``folder``; return by rule how often it was applied.

    The rules of a stage are applied until none finds anything; then those of the next are. Rules that found
    nothing are listed with 0.
    """
    if opset_of(model) < OPSET:  # the rules read operators as they are since then
        return {}
    graph = EditedGraph(model, folder)
    counts: dict[str, int] = {}
    for stage in stages:
        rules = [rule for rule in stage if rule.name not in without]
        for _ in range(_MOST_ROUNDS):
            found = {rule.name: rule.apply(graph) for rule in rules}
            for name, count in found.items():
                counts[name] = counts.get(name, 0) + count
            if not any(found.values()):
                break
    if any(counts.values()):
        graph.save()
    return counts
