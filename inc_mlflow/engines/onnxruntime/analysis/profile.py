"""Where a model's time goes: seconds per executed node."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.analysis.profiler import Event, ProfiledSession
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner

_WARM_UP = 2
"""First passes that are not counted: they allocate memory."""
_CHAIN = 64
"""Nodes of the trivial models: so many that one call of the session costs little beside them."""
_MICROSECOND = 1e-6


@dataclass(frozen=True)
class NodeTime:
    """One executed node: a kernel of the optimised graph.

    ``seconds`` are per batch, over the fastest quarter of the passes.
    """

    name: str
    op_type: str
    provider: str
    seconds: float


@dataclass(frozen=True)
class Profile:
    """The executed nodes by name, and the optimised graph that they stand in."""

    nodes: Mapping[str, NodeTime]
    graph: onnx.GraphProto

    @property
    def seconds(self) -> float:
        """Time of all kernels for one batch."""
        return sum(node.seconds for node in self.nodes.values())


def profile(models: Mapping[str, Path], batches: Sequence[Arrays], passes: int) -> dict[str, Profile]:
    """Time every kernel of ``models``, pass by pass in turns, so that the profiles can be compared.

    The cost of the profiler itself, about 2 microseconds per node, is measured in the same passes and
    subtracted. So the total is about the model's time without a profiler. The clock is wall time, the only
    one that the profiler has. Raises ModelError where a model does not run.
    """
    with ExitStack() as stack:
        gauge = _Gauge(stack)
        sessions = {label: stack.enter_context(ProfiledSession(path)) for label, path in models.items()}
        for _ in range(_WARM_UP + passes):
            gauge.run()
            for session in sessions.values():
                session.run(batches)
        cost = gauge.cost()
        return {label: _profile(session, len(batches), cost) for label, session in sessions.items()}


@dataclass(frozen=True)
class _Cost:
    """Seconds that the profiler adds for each node, and for each of its tensors, whose shape it writes."""

    node: float
    tensor: float

    def of(self, node: onnx.NodeProto) -> float:
        return self.node + self.tensor * (len(node.input) + len(node.output))


class _Gauge:
    """Measures the cost of the profiler: chains of nodes with two and nine tensors, with and without it."""

    def __init__(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._chains = [
            _Chain(folder, stack, op_type, inputs) for op_type, inputs in (("Neg", 1), ("Sum", 8))
        ]

    def run(self) -> None:
        for chain in self._chains:
            chain.run()

    def cost(self) -> _Cost:
        few, many = (chain.cost() for chain in self._chains)
        tensor = max(0.0, (many - few) / 7)
        return _Cost(max(0.0, few - 2 * tensor), tensor)


class _Chain:
    def __init__(self, folder: Path, stack: ExitStack, op_type: str, inputs: int) -> None:
        path = folder / f"{op_type}.onnx"
        onnx.save(_chain(op_type, inputs), path)
        self._profiled = stack.enter_context(ProfiledSession(path))
        self._plain = Runner(path, threads=1)
        self._seconds: list[float] = []

    def run(self) -> None:
        row = {"t0": np.ones(1, np.float32)}
        self._profiled.run([row])
        start = time.process_time()
        self._plain(row)
        self._seconds.append(time.process_time() - start)

    def cost(self) -> float:
        """Return the seconds that the profiler adds to one node."""
        plain = fastest_quarter(np.array(self._seconds[_WARM_UP:])).mean()
        return (_profile(self._profiled, 1, _Cost(0, 0)).seconds - float(plain)) / _CHAIN


def _chain(op_type: str, inputs: int) -> onnx.ModelProto:
    nodes = [helper.make_node(op_type, [f"t{i}"] * inputs, [f"t{i + 1}"], f"n{i}") for i in range(_CHAIN)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("t0", f"t{_CHAIN}")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _profile(session: ProfiledSession, batches: int, cost: _Cost) -> Profile:
    """Return the times by node without those of subgraphs, which the time of their If or Loop includes."""
    graph = session.graph()
    calls: dict[str, list[Event]] = {node.name: [] for node in graph.node}
    for run in session.finish()[_WARM_UP * batches :]:
        for event in run:
            if event.name in calls:
                calls[event.name].append(event)
    times = [_node_time(calls[node.name], batches, cost.of(node)) for node in graph.node if calls[node.name]]
    return Profile({node.name: node for node in times}, graph)


def _node_time(calls: list[Event], batches: int, cost: float) -> NodeTime:
    """Average over batches; half a microsecond makes up for rounding down."""
    microseconds = (
        fastest_quarter(np.array([call.microseconds for call in calls], float).reshape(-1, batches)).mean()
        + 0.5
    )
    seconds = max(0.0, float(microseconds) * _MICROSECOND - cost)
    return NodeTime(calls[0].name, calls[0].op_type, calls[0].provider, seconds)


def fastest_quarter(passes: np.ndarray) -> np.ndarray:
    """Return the smallest quarter along the first axis, without passes that other processes slowed down."""
    return np.sort(passes, axis=0)[: (len(passes) + 3) // 4]
