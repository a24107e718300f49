"""The part of a graph that is the model: from its inputs to its outputs, as at inference."""

from typing import TYPE_CHECKING

from inc_mlflow.sources.source import framework_call
from inc_mlflow.sources.tensorflow.harmless_operators import refuse_unsafe
from inc_mlflow.sources.tensorflow.inline import inlined
from inc_mlflow.sources.tensorflow.placeholders import Ends, fixed_placeholders

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef


def model_part(where: str, graph: "GraphDef", ends: Ends) -> tuple["GraphDef", list[str]]:
    """Return the part of a graph between the ends, without calls of functions, and what was decided.

    Raises ModelError where it needs a placeholder that is no input, or reaches outside itself.
    """
    part, notes = fixed_placeholders(where, graph, ends)
    refuse_unsafe(where, part)
    if not part.library.function:
        return part, notes
    with framework_call(f"{where}: TensorFlow does not take its graph"):
        return inlined(part, ends), notes
