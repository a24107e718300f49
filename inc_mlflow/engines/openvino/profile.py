"""Time per node, as OpenVINO counts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.openvino.runtime import LoadedIr

_EXECUTED = openvino.ProfilingInfo.Status.EXECUTED
_WARM_UP = 2
_INT8 = ("i8", "u8")


@dataclass(frozen=True)
class CountedNode:
    """One node of a compiled model; it is named after the last of the operators that were fused into it."""

    name: str
    kind: str
    int8: bool
    """Whether its kernel reads integers of eight bits."""
    seconds: float


def profile(
    models: Mapping[str, Path], batches: Sequence[Arrays], passes: int
) -> dict[str, dict[str, CountedNode]]:
    """Return by label the time of each node per batch; models run in turns, on one thread.

    Raises ModelError where a model does not run.
    """
    loaded = {label: LoadedIr(path, RunSettings(), counted=True) for label, path in models.items()}
    seen: dict[str, list[dict[str, CountedNode]]] = {label: [] for label in models}
    for turn in range(_WARM_UP + passes):
        for label, model in loaded.items():
            for batch in batches:
                model(batch)
                if turn >= _WARM_UP:
                    seen[label].append(_executed(model.counters()))
    return {label: _steady(calls) for label, calls in seen.items()}


def _executed(counters: Sequence[openvino.ProfilingInfo]) -> dict[str, CountedNode]:
    return {
        one.node_name: CountedNode(
            one.node_name, one.node_type, one.exec_type.lower().endswith(_INT8), one.real_time.total_seconds()
        )
        for one in counters
        if one.status == _EXECUTED
    }


def _steady(calls: Sequence[Mapping[str, CountedNode]]) -> dict[str, CountedNode]:
    """Average each node over its fastest quarter of calls: other processes slow the rest."""
    quarter = (len(calls) + 3) // 4
    found = {}
    for name, node in calls[0].items():
        seconds = np.sort([call[name].seconds for call in calls if name in call])[:quarter]
        found[name] = CountedNode(name, node.kind, node.int8, float(seconds.mean()))
    return found
