"""GELU as exporters spell it, x (1 + erf(x / sqrt 2)) / 2 or with tanh: ONNX Runtime fuses it as a whole."""

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph


def is_unscaled_gelu(graph: EditedGraph, name: str) -> bool:
    """Tell whether a tensor is x (1 + erf(...)) or x (1 + tanh(...)), to which the half belongs."""
    product = graph.maker(name, "Mul")
    sums = [graph.maker(one, "Add") for one in product.input] if product is not None else []
    added = [one for node in sums if node is not None for one in node.input]
    return any(graph.maker(one, "Erf", "Tanh") is not None for one in added)
