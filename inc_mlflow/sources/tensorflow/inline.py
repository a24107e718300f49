"""Replace the calls of functions in a graph by what the functions do."""

from typing import TYPE_CHECKING

from inc_mlflow.sources.tensorflow.frozen_graph import node_name
from inc_mlflow.sources.tensorflow.placeholders import Ends

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


def inlined(graph: "GraphDef", ends: Ends) -> "GraphDef":
    """Return a graph without calls, so far as TensorFlow can replace them; raises whatever TensorFlow raises.

    Freezing a variable that a function gathers from fails while the call is there.
    """
    import tensorflow as tf
    from tensorflow.core.protobuf.config_pb2 import ConfigProto
    from tensorflow.core.protobuf.meta_graph_pb2 import CollectionDef
    from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
    from tensorflow.python.grappler.tf_optimizer import OptimizeGraph

    _copy_outputs(graph, ends)
    settings = ConfigProto()
    rewrites = settings.graph_options.rewrite_options
    rewrites.optimizers[:] = ["function"]
    rewrites.function_optimization = RewriterConfig.AGGRESSIVE  # calls with side effects too
    rewrites.min_graph_nodes = -1  # small graphs too
    with tf.Graph().as_default():
        meta_graph = tf.compat.v1.train.export_meta_graph(graph_def=graph)
    kept = CollectionDef()
    kept.node_list.value.extend([*ends.inputs, *ends.outputs])
    meta_graph.collection_def["train_op"].CopyFrom(kept)
    return OptimizeGraph(settings, meta_graph)


def _copy_outputs(graph: "GraphDef", ends: Ends) -> None:
    """Put a copy in the place of calls whose outputs are the model's: TensorFlow keeps what it must give."""
    outputs = {node_name(tensor) for tensor in ends.outputs}
    for node in [one for one in graph.node if one.name in outputs and one.op in CALLS]:
        copy = graph.node.add(name=node.name, op="IdentityN")
        copy.attr["T"].CopyFrom(node.attr["Tout"])
        node.name = f"{node.name}/call"
        copy.input.extend(f"{node.name}:{port}" for port in range(len(node.attr["Tout"].list.type)))
