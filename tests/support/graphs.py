"""Small graphs as exporters write them: old opsets, weights listed as inputs, subgraphs, external data."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def linear(opset: int = 17, rows: int | str = "batch", weights_as_inputs: bool = False) -> onnx.ModelProto:
    """y = relu(x @ w + b), 8 to 4."""
    generator = np.random.default_rng(0)
    weights = {
        "w": generator.standard_normal((8, 4)).astype("f4"),
        "b": generator.standard_normal(4).astype("f4"),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    return model(nodes, weights, {"x": [rows, 8]}, {"y": [rows, 4]}, opset, weights_as_inputs)


def conv_with_batch_norm(opset: int = 9) -> onnx.ModelProto:
    """A convolution, its batch norm and a Relu, weights listed as inputs as old exporters do."""
    generator = np.random.default_rng(1)
    weights = {"w": generator.standard_normal((4, 3, 3, 3)).astype("f4")}
    weights |= {
        name: generator.uniform(0.5, 1.5, 4).astype("f4") for name in ("scale", "shift", "mean", "var")
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"]),
        helper.make_node("Relu", ["n"], ["y"]),
    ]
    return model(nodes, weights, {"x": [1, 3, 8, 8]}, {"y": [1, 4, 8, 8]}, opset, weights_as_inputs=True)


def masked_attention(opset: int = 17) -> onnx.ModelProto:
    """Attention as it is exported: scores of x with itself, minus infinity where the mask is 0, softmax."""
    generator = np.random.default_rng(2)
    weights = {
        "w": generator.standard_normal((8, 4)).astype("f4"),
        "never": np.array(-np.inf, "f4"),
        "half": np.array(0.5, "f4"),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["x", "t"], ["scores"]),
        helper.make_node("Less", ["mask", "half"], ["hidden"]),
        helper.make_node("Where", ["hidden", "never", "scores"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["weights"]),
        helper.make_node("MatMul", ["weights", "x"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "w"], ["y"]),
    ]
    return model(
        nodes, weights, {"x": ["batch", 4, 8], "mask": ["batch", 1, 4]}, {"y": ["batch", 4, 4]}, opset
    )


def model(nodes, weights, inputs, outputs, opset, weights_as_inputs=False) -> onnx.ModelProto:
    """Put a float graph together."""
    declared = {name: array.shape for name, array in weights.items()} if weights_as_inputs else {}
    graph = helper.make_graph(
        nodes,
        "graph",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (inputs | declared).items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset > 9 else 4
    )


def save_external(graph: onnx.ModelProto, path, location: str = "weights.bin") -> None:
    """Save a model with all weights in a file of their own."""
    onnx.save(graph, path, save_as_external_data=True, location=location, size_threshold=0)
