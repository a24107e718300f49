"""The prediction against onnxruntime's own kernels, with those of a CPU without VNNI emulated."""

import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.analysis.saturation import predict
from inc_mlflow.errors import MissingExtraError
from tests.support.integer_graphs import qlinear, wrap

pytestmark = pytest.mark.slow

WORKER = """
import sys
from pathlib import Path
import numpy as np
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
    np.save(sys.argv[2] + path.stem, Runner(path, threads=1)({"x": np.load(path.with_suffix(".npy"))})["y"])
"""
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(150, 256, (2, 6, 9, 9)).astype(np.uint8)
ROWS = GENERATOR.integers(150, 256, (7, 63)).astype(np.uint8)


def weights(*shape):
    """Return weights that saturate often, and cancel enough to stay inside the output's range."""
    return GENERATOR.choice([-127, -90, 100, 127], shape).astype(np.int8)


def convolution(channels, outputs, *kernel, **attributes):
    return qlinear(weights(outputs, channels, *kernel), scale=2000.0, zero=128, **attributes), IMAGES


def product(operator, rows, matrix, kind=TensorProto.UINT8, **attributes):
    constants = {
        "a": np.array(1, "f4"),
        "az": np.array(0, rows.dtype),
        "w": matrix,
        "wz": np.array(0, matrix.dtype),
    }
    constants |= {"s": np.array(2000, "f4"), "z": np.array(0 if rows.dtype == np.int8 else 128, rows.dtype)}
    names = {
        "QLinearMatMul": ["x", "a", "az", "w", "a", "wz", "s", "z"],
        "QGemm": ["x", "a", "az", "w", "a", "wz", "", "s", "z"],
        "MatMulInteger": ["x", "w", "az", "wz"],
        "DynamicQuantizeMatMul": ["x", "w", "a", "wz"],
    }[operator]
    domain = "com.microsoft" if operator in {"QGemm", "DynamicQuantizeMatMul"} else ""
    node = helper.make_node(operator, names, ["y"], domain=domain, name="layer", **attributes)
    return wrap([node], constants, helper.np_dtype_to_tensor_dtype(rows.dtype), kind), rows


CASES = {
    "conv": convolution(6, 5, 3, 3, pads=[1, 1, 1, 1]),
    "strided": convolution(6, 5, 3, 3, strides=[2, 2]),
    "two groups": convolution(3, 4, 3, 3, group=2),
    "one channel in, two out": convolution(1, 12, 3, 3, group=6),
    "depthwise": convolution(1, 6, 3, 3, group=6),
    "uint8 weights": (qlinear(weights(5, 6, 3, 3).view(np.uint8), scale=2e4), IMAGES),
    "int8 kernel": (qlinear(weights(5, 6, 3, 3), 2000.0, activation=np.int8), (IMAGES - 128).astype(np.int8)),
    "one axis": (qlinear(weights(5, 6, 3), 2000.0, 128), IMAGES[:, :, 0]),
    "MatMul": product("QLinearMatMul", ROWS, weights(63, 5)),
    "one row": product("QLinearMatMul", ROWS[:1], weights(63, 5)),
    "int8 MatMul": product("QLinearMatMul", (ROWS - 128).astype(np.int8), weights(63, 5), TensorProto.INT8),
    "Gemm": product("QGemm", ROWS, weights(5, 63), transB=1),
    "MatMulInteger": product("MatMulInteger", ROWS, weights(63, 5), TensorProto.INT32),
    "DynamicQuantizeMatMul": product(
        "DynamicQuantizeMatMul", ROWS.astype("f4"), weights(63, 5), TensorProto.FLOAT
    ),
}
SAFE = {"depthwise", "uint8 weights", "int8 kernel", "int8 MatMul"}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Run every case natively and emulated: case -> (native, emulated)."""
    from inc_mlflow.engines.onnxruntime.emulation import prepare

    try:
        environments = {"native-": {}, "emulated-": prepare("x86-avx2")}
    except MissingExtraError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("cases")
    for name, (graph, values) in CASES.items():
        onnx.save(graph, folder / f"{name}.onnx")
        np.save(folder / f"{name}.npy", values)
    for kind, environment in environments.items():
        command = [sys.executable, "-c", WORKER, folder, str(folder / kind)]
        subprocess.run(command, env=os.environ | environment, check=True)
    return folder, {name: [np.load(folder / f"{kind}{name}.npy") for kind in environments] for name in CASES}


@pytest.mark.parametrize("case", CASES)
def test_what_is_predicted_is_what_happens(outputs, case):
    folder, results = outputs
    native, emulated = (array.astype(float) for array in results[case])
    (layer,) = predict(folder / f"{case}.onnx", [{"x": CASES[case][1]}]).layers
    assert (layer.expected_rate > 0) == (not np.array_equal(native, emulated)) == (case not in SAFE)
    if results[case][0].dtype.itemsize == 1:
        assert layer.expected_error_lsb == pytest.approx(np.abs(native - emulated).mean(), rel=1e-6)
