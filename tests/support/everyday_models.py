"""Small models as people bring them, ten classes out of sixteen numbers: what quantisers stumble over."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HIDDEN, CLASSES = 16, 24, 10


def perceptron(keras: bool = False, dtype: type = np.float32) -> onnx.ModelProto:
    """Two layers with biases (1, n): MatMul and Add as scikit-learn's converter writes, or Gemm as Keras'."""
    rng = np.random.default_rng(0)
    sizes = {"w1": (WIDTH, HIDDEN), "b1": (1, HIDDEN), "w2": (HIDDEN, CLASSES), "b2": (1, CLASSES)}
    weights = {name: rng.normal(0, 0.5, size).astype(dtype) for name, size in sizes.items()}
    nodes = [
        *_layer("x", "w1", "b1", "h", keras),
        helper.make_node("Relu", ["h"], ["r"]),
        *_layer("r", "w2", "b2", "logits", keras),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return _model(nodes, weights, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def forest() -> onnx.ModelProto:
    """A tree for each class, whose one question is whether a number is above zero."""
    nodes = [
        (tree, node, mode) for tree in range(CLASSES) for node, mode in enumerate(["BRANCH_GT", *_LEAVES])
    ]
    leaves = [(tree, node) for tree, node, mode in nodes if mode == "LEAF"]
    trees = helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        nodes_treeids=[tree for tree, *_ in nodes],
        nodes_nodeids=[node for _, node, _ in nodes],
        nodes_modes=[mode for *_, mode in nodes],
        nodes_featureids=[tree for tree, *_ in nodes],
        nodes_values=[0.0 for _ in nodes],
        nodes_truenodeids=[1 - min(node, 1) for _, node, _ in nodes],
        nodes_falsenodeids=[2 * (1 - min(node, 1)) for _, node, _ in nodes],
        class_treeids=[tree for tree, _ in leaves],
        class_nodeids=[node for _, node in leaves],
        class_ids=[tree for tree, _ in leaves],
        class_weights=[0.1 * tree + (1.0 if node == 1 else 0.0) for tree, node in leaves],
        classlabels_int64s=list(range(CLASSES)),
    )
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"])
    return _model([trees], {}, TensorProto.FLOAT, label)


_LEAVES = ("LEAF", "LEAF")


def lstm() -> onnx.ModelProto:
    """One LSTM and nothing else with weights; each row is a sequence of one step."""
    rng = np.random.default_rng(1)
    sizes = {"w": (1, 4 * CLASSES, WIDTH), "r": (1, 4 * CLASSES, CLASSES)}
    weights = {name: rng.normal(0, 1, size).astype(np.float32) for name, size in sizes.items()}
    weights |= {"time": np.array([0], np.int64), "direction": np.array([0, 1], np.int64)}
    nodes = [
        helper.make_node("Unsqueeze", ["x", "time"], ["steps"]),
        helper.make_node("LSTM", ["steps", "w", "r"], ["y"], hidden_size=CLASSES),
        helper.make_node("Squeeze", ["y", "direction"], ["probabilities"]),
    ]
    return _model(nodes, weights, TensorProto.FLOAT)


def branches() -> onnx.ModelProto:
    """Every layer stands in one of the two branches of an If."""
    rng = np.random.default_rng(2)

    def branch(name: str) -> onnx.GraphProto:
        weight = numpy_helper.from_array(rng.normal(0, 1, (WIDTH, CLASSES)).astype(np.float32), f"w_{name}")
        node = helper.make_node("MatMul", ["x", weight.name], [f"y_{name}"])
        given = helper.make_tensor_value_info(f"y_{name}", TensorProto.FLOAT, None)
        return helper.make_graph([node], name, [], [given], [weight])

    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["positive"]),
        helper.make_node(
            "If", ["positive"], ["probabilities"], then_branch=branch("a"), else_branch=branch("b")
        ),
    ]
    return _model(nodes, {"zero": np.array(0, np.float32)}, TensorProto.FLOAT)


def _layer(given: str, weight: str, bias: str, result: str, gemm: bool) -> list[onnx.NodeProto]:
    if gemm:
        return [helper.make_node("Gemm", [given, weight, bias], [result])]
    return [
        helper.make_node("MatMul", [given, weight], [f"{result}_product"]),
        helper.make_node("Add", [f"{result}_product", bias], [result]),
    ]


def _model(
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    kind: int,
    *more: onnx.ValueInfoProto,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", kind, ["batch", WIDTH])],
        [*more, helper.make_tensor_value_info("probabilities", kind, ["batch", CLASSES])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
