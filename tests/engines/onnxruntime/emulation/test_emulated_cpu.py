"""Emulated instruction sets: what changes, what must not, and that nothing native is ever called emulated."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.onnxruntime.emulation import prepare
from inc_mlflow.engines.onnxruntime.emulation.needs import missing
from inc_mlflow.hardware.isa import PROFILES
from inc_mlflow.hardware.isa.profiles import MASKS

pytestmark = pytest.mark.slow

CPUID = """
import ctypes, json
ask = ctypes.CDLL(None).inc_mlflow_cpuid
def registers(leaf, subleaf):
    out = (ctypes.c_uint32 * 4)()
    ask(leaf, subleaf, out)
    return list(out)
print(json.dumps([registers(*leaf) for leaf in ((0, 0), (7, 0), (7, 1), (7, 2))]))
"""
OUTPUTS = """
import json, sys
from pathlib import Path
import numpy as np
from inc_mlflow.engines.onnxruntime.emulation import environment
from inc_mlflow.engines.onnxruntime.runtime.kernels import saturates
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
answer = {path.stem: Runner(path, threads=1)({"x": np.load(path.with_suffix(".npy"))})["y"].tobytes().hex()
          for path in Path(sys.argv[1]).glob("*.onnx")}
print(json.dumps(answer | {"saturates": saturates(), "traps": environment.traps()}))
"""
HOST = """
import json
from inc_mlflow.hardware.probe import host_facts
print(json.dumps(host_facts().model_dump(mode="json")))
"""


def convolution(largest):
    """A QLinearConv whose s8 weights reach +-largest in every output channel."""
    generator = np.random.default_rng(0)
    weights = generator.choice([-largest, largest, largest // 2], (4, 8, 3, 3)).astype(np.int8)
    constants = {
        "a": np.float32(0.01), "az": np.uint8(0), "b": np.float32(1), "bz": np.uint8(128),
        "w": weights, "s": np.full(4, 0.01, "f4"), "wz": np.zeros(4, np.int8),
    }  # fmt: skip
    node = helper.make_node("QLinearConv", ["x", "a", "az", "w", "s", "wz", "b", "bz"], ["y"])
    return model(node, constants, [1, 8, 9, 9], TensorProto.UINT8), generator.integers(
        128, 256, (1, 8, 9, 9)
    ).astype(np.uint8)


def product(largest):
    generator = np.random.default_rng(1)
    weights = generator.choice([-largest, largest], (64, 16)).astype(np.int8)
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    return model(node, {"w": weights}, [4, 64], TensorProto.INT32), generator.integers(
        128, 256, (4, 64)
    ).astype(np.uint8)


def model(node, constants, shape, kind):
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


CASES = {
    "convolution": convolution(127),
    "product": product(127),
    "convolution in 7 bits": convolution(63),
    "product in 7 bits": product(63),
}


@pytest.fixture(scope="module")
def results(python_as, tmp_path_factory):
    """What every case gives on this CPU (None) and as each other that it can be."""
    folder = tmp_path_factory.mktemp("cases")
    for name, (made, rows) in CASES.items():
        onnx.save(made, folder / f"{name}.onnx")
        np.save(folder / f"{name}.npy", rows)
    possible = [name for name, profile in PROFILES.items() if not missing(profile)]
    return {name: python_as(name, OUTPUTS, folder) for name in (None, *possible)}


@pytest.mark.parametrize("case", ["convolution", "product"])
def test_large_weights_saturate_without_vnni_and_seven_bits_never(results, case):
    if results[None]["saturates"]:
        pytest.skip("this CPU has no VNNI: there is nothing to lose")
    assert results["x86-avx2"][case] != results[None][case]
    assert results["x86-avx2"][f"{case} in 7 bits"] == results[None][f"{case} in 7 bits"]


def test_every_profile_does_what_its_kernels_should_and_was_asked(results):
    assert results[None]["traps"] == 0
    for name, profile in PROFILES.items():
        if name in results:
            assert results[name]["traps"] > 0
            assert results[name]["saturates"] == profile.saturates


@pytest.mark.parametrize("case", CASES)
def test_with_nothing_important_hidden_the_outputs_are_the_native_bits(results, case):
    if "x86-vnni" not in results:
        pytest.skip("this CPU has no VNNI to emulate")
    assert results["x86-vnni"][case] == results[None][case]
    assert results["x86-avx512"][case] == results["x86-avx2"][case]


def test_the_handler_hides_what_the_profile_lacks_and_nothing_else(python_as):
    masks = PROFILES["x86-avx2"].masks()
    leaf_7_0, leaf_7_1 = (
        [int(word, 16) for word in leaf.split(",")[2:]] for leaf in masks.split(";") if leaf
    )
    real = python_as(None, CPUID, **prepare("x86-avx2") | {MASKS: "0,0,0,0,0,0;"})
    expected = [[0] * 4, leaf_7_0, leaf_7_1, [0] * 4]
    hidden = [
        [bits & ~mask for bits, mask in zip(*pair, strict=True)] for pair in zip(real, expected, strict=True)
    ]
    assert python_as("x86-avx2", CPUID) == hidden
    assert hidden[1][1] & 1 << 5  # AVX2


def test_the_host_says_that_it_is_emulated_and_what_is_visible(python_as):
    native, emulated = python_as(None, HOST), python_as("x86-avx2", HOST)
    assert emulated["cpu"] == f"{native['cpu']}, emulated x86-avx2"
    assert emulated["isa"] == ["avx2"]


@pytest.mark.parametrize("masks", ["", "7,0", "x", "7,0,0,0,0,0", "1,0,0,0,0,0;" * 9])
def test_a_handler_that_is_not_told_what_to_hide_ends_the_process(python_as, masks):
    environment = prepare("x86-avx2") | {MASKS: masks}
    done = python_as(None, "print(1)", check=False, **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not say what to hide" in done.stderr


def test_the_copy_without_its_handler_does_not_run_natively(python_as):
    """Losing LD_PRELOAD on the way must not give native numbers."""
    environment = prepare("x86-avx2") | {"LD_PRELOAD": ""}
    done = python_as(None, "import onnxruntime; print('ran')", check=False, **environment)
    assert (done.returncode, done.stdout) == (-5, "")  # SIGTRAP


def test_somebody_elses_trap_ends_the_process_as_it_would_have(python_as):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTRAP); print('alive')"
    done = python_as("x86-avx2", code, check=False)
    assert done.returncode == -5


def test_children_of_an_emulated_process_are_emulated(python_as):
    child = f"subprocess.check_output([sys.executable, '-c', {HOST!r}], text=True)"
    code = f"import json, subprocess, sys; print({child})"
    assert python_as("x86-avx2", code)["isa"] == ["avx2"]
