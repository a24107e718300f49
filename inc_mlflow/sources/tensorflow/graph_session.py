"""Run a frozen graph in TensorFlow itself."""

from collections.abc import Mapping
from typing import Any

from inc_mlflow.arrays import Arrays
from inc_mlflow.sources.source import framework_call
from inc_mlflow.sources.tensorflow.frozen_graph import FrozenGraph


class GraphSession:
    """A session with a graph in it, which lives as long as its process."""

    def __init__(self, where: str, frozen: FrozenGraph, threads: int = 1, fused: bool = False) -> None:
        """Raise ModelError where TensorFlow does not take the graph.

        ``fused``: with TensorFlow's own fusions of operators, as it runs by default.
        """
        import tensorflow as tf

        self._where, self._frozen = where, frozen
        graph = tf.Graph()
        with framework_call(f"{where}: TensorFlow does not take its graph"), graph.as_default():
            tf.import_graph_def(frozen.graph, name="")
        self._session = tf.compat.v1.Session(graph=graph, config=_settings(threads, fused))

    def __call__(self, inputs: Arrays, tensors: Mapping[str, str] | None = None) -> Arrays:
        """Return the outputs for one batch, or ``tensors`` by name.

        Raises ModelError where TensorFlow cannot run the graph on it.
        """
        feeds = {tensor: inputs[name] for name, tensor in self._frozen.inputs.items()}
        fetched = dict(self._frozen.outputs if tensors is None else tensors)
        with framework_call(f"{self._where}: TensorFlow itself cannot run it"):
            return dict(self._session.run(fetched, feeds))


def _settings(threads: int, fused: bool) -> Any:
    import tensorflow as tf
    from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

    settings = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1, device_count={"GPU": 0}
    )
    rewrites = settings.graph_options.rewrite_options
    # Graphs of GPUs hold convolutions in NCHW, for which CPUs have no kernel.
    rewrites.cpu_layout_conversion = RewriterConfig.NCHW_TO_NHWC
    # What its operators compute is the model; fused for oneDNN they were 1 % off on a detector.
    rewrites.remapping = RewriterConfig.DEFAULT if fused else RewriterConfig.OFF
    return settings
