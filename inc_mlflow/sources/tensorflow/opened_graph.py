"""A frozen graph as an opened source: converted by tf2onnx, run by TensorFlow."""

from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.sources.source import Converted
from inc_mlflow.sources.tensorflow.frozen_graph import FrozenGraph
from inc_mlflow.sources.tensorflow.graph_session import GraphSession
from inc_mlflow.sources.tensorflow.harmless_operators import refuse_unsafe
from inc_mlflow.sources.tensorflow.to_onnx import CHANNELS_FIRST, OnnxGraph, to_onnx


class OpenedGraph:
    """A model in memory; see ``OpenedSource``."""

    def __init__(self, where: str, frozen: FrozenGraph) -> None:
        """Raise ModelError where the graph is not known to stay inside the model, however it was made."""
        refuse_unsafe(where, frozen.graph)
        self._where, self._frozen = where, frozen
        self._threads: int | None = None

    def convert(self, target: Path) -> Converted:
        """Write the ONNX file."""
        import tensorflow as tf

        target.write_bytes(self._onnx.model.SerializeToString())
        return Converted(f"tensorflow {tf.__version__}", tuple(self._onnx.layers), tuple(self._frozen.notes))

    def run(self, inputs: Arrays, layers: Collection[str] = ()) -> Arrays:
        """Run the graph as it was given, and for ``layers`` the one that was converted besides."""
        values = self._session(inputs)
        known = {name: name for name in layers if name in self._onnx.layers} if layers else {}
        if known:
            found = self._optimized_session(inputs, known)
            values |= {
                name: value.transpose(CHANNELS_FIRST) if self._onnx.layers[name] else value
                for name, value in found.items()
            }
        return values

    def use_default_speed(self, threads: int) -> None:
        """Run with TensorFlow's fusions from now on; they were 1 % off on a detector."""
        self._threads = threads
        self.__dict__.pop("_session", None)

    @cached_property
    def _session(self) -> GraphSession:
        if self._threads is None:
            return GraphSession(self._where, self._frozen)
        return GraphSession(self._where, self._frozen, self._threads, fused=True)

    @cached_property
    def _optimized_session(self) -> GraphSession:
        optimized = FrozenGraph(self._onnx.optimized, self._frozen.inputs, self._frozen.outputs)
        return GraphSession(self._where, optimized)

    @cached_property
    def _onnx(self) -> OnnxGraph:
        return to_onnx(self._where, self._frozen)
