"""Models that would not end, or need more memory than there is: one line, and the process goes on."""

import os
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure, signature, source_files
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import (
    VARIABLE,
    TimedSession,
    _stop_late,
    call_timeout,
)
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError, SpecError
from tests.support.endless_model import endless

ROW = np.ones((1, 2), np.float32)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.3")


@pytest.mark.parametrize("constant", [False, True])
def test_a_loop_without_an_end_is_stopped(tmp_path, short, constant):
    runner = Runner(endless(tmp_path / "m.onnx", constant=constant), threads=1)
    began = time.monotonic()
    with pytest.raises(
        ModelError,
        match=rf"m\.onnx: one call took more than 0\.3 s, .* {VARIABLE} sets how long it may take$",
    ):
        runner({"x": ROW})
    assert time.monotonic() - began < 60, "the limit without the variable is ten minutes"
    with pytest.raises(ModelError, match="one call took more than"):
        runner({"x": -ROW})


def test_calls_that_end_are_not_stopped_however_many(tmp_path, short):
    runner = Runner(endless(tmp_path / "m.onnx"), threads=1)
    began = time.monotonic()
    while time.monotonic() < began + 1.2:
        assert (runner({"x": -ROW})["y"] == -2).all()


def test_calibration_is_watched_too(tmp_path, short):
    with pytest.raises(ModelError, match="one call took more than"):
        collect(endless(tmp_path / "m.onnx"), [{"x": ROW}], threads=1)


def test_a_session_that_nobody_holds_is_not_kept(tmp_path, short):
    runner = Runner(endless(tmp_path / "m.onnx"), threads=1)
    held = weakref.ref(runner._session)
    _stop_late()
    del runner
    assert held() is None


@pytest.mark.parametrize("text", ["x", "0", "-1", "inf", "nan"])
def test_a_limit_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(SpecError, match=rf"^{VARIABLE}: '{text}' is no time; give seconds, as 600$"):
        call_timeout()
    monkeypatch.setenv(VARIABLE, "")
    assert call_timeout() == 600


def model(path, shape, nodes=None, dtype=TensorProto.FLOAT, initializers=()):
    graph = helper.make_graph(
        nodes or [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", dtype, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(initializers),
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_model_that_takes_a_billion_rows_at_a_time_is_refused(tmp_path):
    runner = Runner(model(tmp_path / "m.onnx", [10**9, 500]), threads=1)
    with pytest.raises(
        ModelError, match=r"takes 1000000000 rows at a time, 2,000\.0 GB, and .* export it with a free batch"
    ):
        runner({"x": np.ones((1, 500), np.float32)})


def test_an_output_that_memory_cannot_hold_is_one_line(tmp_path):
    shape = helper.make_node("Constant", [], ["s"], value_ints=[10**7, 10**6])
    runner = Runner(
        model(tmp_path / "m.onnx", [1], [shape, helper.make_node("Expand", ["x", "s"], ["y"])]), threads=1
    )
    with pytest.raises(ModelError, match=r"m\.onnx: onnxruntime cannot run it: ") as raised:
        runner({"x": np.ones(1, np.float32)})
    assert "\n" not in str(raised.value)


def test_a_run_that_fails_prints_nothing_beside_its_line(tmp_path):
    """In a process of its own: ONNX Runtime's log goes past Python."""
    model(tmp_path / "m.onnx", ["n", 4], [helper.make_node("MatMul", ["x", "x"], ["y"])])
    script = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from inc_mlflow.engines.onnxruntime.runtime.runner import Runner\n"
        "try: Runner(Path(sys.argv[1]), threads=1)({'x': np.ones((1, 4), np.float32)})\n"
        "except Exception as error: print(error)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "m.onnx")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "onnxruntime cannot run it" in ended.stdout
    assert ended.stderr == ""


def test_a_complaint_that_is_no_text_is_one_line_too(tmp_path):
    path = model(tmp_path / "m.onnx", ["n", 4], [helper.make_node("Frobnicate", ["x"], ["y"])])
    path.write_bytes(path.read_bytes().replace(b"Frobnicate", b"Frobnicat\xef"))
    with pytest.raises(ModelError, match=r"m\.onnx: onnxruntime cannot load it: "):
        Runner(path, threads=1)


@pytest.mark.parametrize("number", [99, 2**31 - 1])
def test_a_type_that_onnx_does_not_know_is_one_line(tmp_path, number):
    path = model(tmp_path / "m.onnx", [1, 4])
    proto = onnx.load(path)
    proto.graph.input[0].type.tensor_type.elem_type = number
    onnx.save(proto, path)
    with pytest.raises(ModelError, match=rf"^model input 'x': has the unknown data type {number}"):
        signature(read_structure(path))


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("a\0b", "says wrongly where its weights are"),
        ("x" * 300, "weights cannot be read .File name too long"),
    ],
)
def test_a_place_of_weights_that_no_file_can_have_is_one_line(tmp_path, location, says):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    with pytest.raises(ModelError, match=says):
        source_files(model(tmp_path / "m.onnx", [1], initializers=[tensor]))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="it is no regular file"):
        read_structure(tmp_path / "m.onnx")


def test_sessions_are_watched_by_one_thread(tmp_path):
    sessions = [Runner(model(Path(tmp_path / "m.onnx"), [1, 4]), threads=1) for _ in range(3)]
    assert all(isinstance(one._session, TimedSession) for one in sessions)
    import threading

    assert [thread.name for thread in threading.enumerate()].count("watch") == 1
