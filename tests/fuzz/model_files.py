"""Model files: good ones, damage to their bytes and fields, and what reads them."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure, signature, source_files
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from tests.fuzz.mutation import damaged


def good_models() -> list[bytes]:
    made = []
    for opset, operator in ((17, "Conv"), (11, "Gemm")):
        conv = operator == "Conv"
        weights = np.ones((2, 1, 3, 3) if conv else (4, 2), np.float32)
        node = helper.make_node(
            operator, ["x", "w", "b"], ["h"], **({"pads": [1, 1, 1, 1]} if conv else {"alpha": 0.5})
        )
        graph = helper.make_graph(
            [node, helper.make_node("Relu", ["h"], ["r"]), helper.make_node("Reshape", ["r", "s"], ["y"])],
            "graph",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 4, 4] if conv else ["n", 4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [
                numpy_helper.from_array(weights, "w"),
                numpy_helper.from_array(np.zeros(2, np.float32), "b"),
                numpy_helper.from_array(np.array([0, -1]), "s"),
            ],
        )
        made.append(
            helper.make_model(
                graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8
            ).SerializeToString()
        )
    return made


def damaged_model(random: Random, content: bytes) -> bytes:
    """Damage the bytes, or fields of the message."""
    if random.random() < 0.3:
        return damaged(random, content)
    model = onnx.load_from_string(content)
    for _ in range(random.choice([1, 1, 2, 3])):
        _rewrite(random, model)
    return model.SerializeToString()


def _rewrite(random: Random, message: Any) -> None:
    """Set one field somewhere in a message to something else that its type takes."""
    places = list(_fields(message))
    parent, field = random.choice(places)
    repeated = getattr(field, "is_repeated", False)
    value = getattr(parent, field.name)
    if field.type == field.TYPE_MESSAGE:
        if repeated and len(value):
            value.add().CopyFrom(random.choice(list(value))) if random.random() < 0.5 else value.__delitem__(
                random.randrange(len(value))
            )
        elif not repeated:
            parent.ClearField(field.name)
        return
    made = _scalar(random, field)
    try:
        if repeated:
            value.append(made) if not value or random.random() < 0.3 else value.__setitem__(
                random.randrange(len(value)), made
            )
        else:
            setattr(parent, field.name, made)
    except (ValueError, TypeError):
        parent.ClearField(field.name)


def _scalar(random: Random, field: Any) -> Any:
    if field.type == field.TYPE_STRING:
        return random.choice(
            [
                "",
                "x",
                "w",
                "h",
                "y",
                "n",
                "Relu",
                "Loop",
                "If",
                "Scan",
                "Cast",
                "a\nb",
                "/etc/passwd",
                "../x",
                "com.microsoft",
            ]
        )
    if field.type == field.TYPE_BYTES:
        return random.choice([b"", b"\0" * 3, b"\xff" * 8, b"\0" * 64])
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return random.choice([0.0, -1.0, 1e30, float("nan"), float("inf")])
    return random.choice([0, 1, -1, 2, 3, 5, 16, 99, 2**31 - 1, 10**9, 2**40, 2**62])


def _fields(message: Any) -> Any:
    """Yield (message, field) of the fields that are set, and of some that could be."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        repeated = getattr(field, "is_repeated", False)
        if field.type == field.TYPE_MESSAGE:
            below = list(value) if repeated else [value] if message.HasField(field.name) else []
            if below:
                yield message, field
            for one in below:
                yield from _fields(one)
        elif (
            repeated
            or message.HasField(field.name)
            or field.name in ("data_location", "op_type", "ir_version")
        ):
            yield message, field


def read_model(folder: Path) -> None:
    """Read a model as `check` and `import` do, and run it as they would."""
    source = folder / "model.onnx"
    specs = signature(read_structure(source))
    source_files(source)
    target = folder / "baseline"
    target.mkdir(exist_ok=True)
    normalize(source, target)
    runner = Runner(target / "model.onnx", threads=1)
    if all(
        spec.shape is not None and all(not isinstance(n, int) or n < 100 for n in spec.shape)
        for spec in specs
    ):
        runner(
            {
                spec.name: np.ones([n if isinstance(n, int) else 2 for n in spec.shape or ()], spec.dtype)
                for spec in specs
            }
        )
