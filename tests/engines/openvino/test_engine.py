"""OpenVINO as an engine: what its models say of themselves, sizes, rows, and refusals in one line."""

import shutil

import numpy as np
import onnx
import pytest

from inc_mlflow.engines.engine import MethodData, RunSettings
from inc_mlflow.engines.openvino.complaint import complaint
from inc_mlflow.engines.openvino.engine import ENGINE
from inc_mlflow.engines.openvino.methods.bf16 import METHOD as BF16
from inc_mlflow.engines.openvino.model_folder import read_ir
from inc_mlflow.engines.openvino.options import Bf16, OpenVinoStatic
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import HardwareError, ModelError, StateError
from tests.support.graphs import linear, model
from tests.support.paths import EXAMPLE

IMAGES = np.load(EXAMPLE / "dev.npz")["image"]
NOTHING = MethodData(lambda: (), None, 1)


@pytest.fixture
def baseline(tmp_path):
    ENGINE.import_source(EXAMPLE / "fp32.onnx", tmp_path)
    return tmp_path / ENGINE.model_name


def loaded(path, **settings):
    return ENGINE.load(path, RunSettings(**settings))


def test_a_baseline_computes_in_float32_whatever_the_cpu_has(baseline):
    found = loaded(baseline)
    found({"image": IMAGES[:1]})
    assert found._fixed[1].get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    assert found._fixed[1].get_property("NUM_STREAMS") == 1


def test_the_threads_are_those_of_the_layout(baseline):
    found = loaded(baseline, threads=2, cpus=(0, 1))
    assert found._any.get_property("INFERENCE_NUM_THREADS") == 2
    assert ENGINE.describe((0, 1), "cpu")["INFERENCE_NUM_THREADS"] == 2
    assert ENGINE.describe((), "cpu")["INFERENCE_NUM_THREADS"] == 1


def test_batches_of_any_size_are_taken_after_the_first(baseline):
    found = loaded(baseline)
    sizes = [1, 3, 1, 7]
    outputs = [found({"image": IMAGES[:size]})["logits"] for size in sizes]
    assert [len(one) for one in outputs] == sizes
    for one in outputs:
        np.testing.assert_allclose(one, outputs[-1][: len(one)], rtol=1e-4, atol=1e-4)


def test_rows_on_another_axis_come_first(tmp_path):
    graph = model(
        [onnx.helper.make_node("Add", ["x", "one"], ["y"])],
        {"one": np.ones((), "f4")},
        {"x": ["time", "batch", 2]},
        {"y": ["time", "batch", 2]},
        17,
    )
    onnx.save(graph, tmp_path / "fp32.onnx")
    axes = RowAxes({"x": 1}, {"y": 1})
    ENGINE.import_source(tmp_path / "fp32.onnx", tmp_path, axes=axes)
    path = tmp_path / ENGINE.model_name
    assert ENGINE.interface(path).row_axes == axes
    x = np.arange(24, dtype="f4").reshape(4, 3, 2)
    np.testing.assert_array_equal(loaded(path)({"x": x})["y"], x + 1)


def test_an_onnx_file_runs_as_it_is(tmp_path):
    onnx.save(linear(rows=4), tmp_path / "fp32.onnx")
    found = loaded(tmp_path / "fp32.onnx")
    assert found({"x": np.ones((2, 8), "f4")})["y"].shape == (2, 4), "filled up to four rows, and cut"


def test_statistics_are_those_of_the_graph_and_bound_to_the_baseline(baseline, tmp_path):
    rows = [{"image": one[None]} for one in IMAGES[:4]]
    half = [ENGINE.calibrator.collect(baseline, part, {"minmax"}, 1) for part in (rows[:2], rows[2:])]
    whole = ENGINE.calibrator.collect(baseline, rows, {"minmax"}, 1)
    for name, one in (("merged", half[0].merge(half[1])), ("whole", whole)):
        one.save(tmp_path / name)
    assert (tmp_path / "merged").read_bytes() == (tmp_path / "whole").read_bytes()
    again = ENGINE.calibrator.load(tmp_path / "whole")
    assert (again.rows, len(again), again.model_sha256) == (4, len(whole), whole.model_sha256)
    (tmp_path / "whole").write_text("{}")
    with pytest.raises(StateError, match="holds no statistics of a graph; calibrate again"):
        ENGINE.calibrator.load(tmp_path / "whole")


def test_a_graph_that_is_another_one_is_refused(baseline):
    graph = baseline.parent / "graph" / "model.onnx"
    shutil.copyfile(EXAMPLE / "fp32.onnx", graph)
    graph.write_bytes(graph.read_bytes() + b"\0")
    with pytest.raises(StateError, match=r"is not the graph that model\.openvino was made of"):
        ENGINE.calibrator.collect(baseline, [], {"minmax"}, 1)


def test_bf16_is_refused_where_the_cpu_would_emulate_it(baseline, tmp_path, monkeypatch):
    made = tmp_path / "made" / ENGINE.model_name
    BF16.apply(baseline, Bf16(), NOTHING, made)
    assert read_ir(made)[1].precision == "bf16"
    monkeypatch.setattr("inc_mlflow.engines.openvino.settings.visible_flags", lambda: {"avx512_vnni"})
    with pytest.raises(
        ModelError, match="computes in bf16, and this CPU has no bf16 instructions; leave bf16"
    ):
        loaded(made)
    with pytest.raises(ModelError, match=r"^recipe 'bf16': computes in bf16"):
        BF16.apply(baseline, Bf16(), NOTHING, made)


def test_recipes_of_two_engines_have_two_names():
    assert Bf16().label() == "bf16"
    assert OpenVinoStatic().label() == "static u8s8 per-channel on openvino"
    assert OpenVinoStatic(calibrate_method="mse").statistics == {"mse"}


def test_what_it_cannot_run_is_one_line(baseline, tmp_path):
    with pytest.raises(HardwareError, match="openvino runs on CPUs here, not on cuda"):
        loaded(baseline, device="cuda")
    with pytest.raises(ModelError, match="takes the inputs image, rows have x"):
        loaded(baseline)({"x": IMAGES[:1]})
    with pytest.raises(ModelError, match=r"takes image of \[.*,1,8,8\], rows have \[1, 1, 5, 8\]$") as caught:
        loaded(baseline)({"image": IMAGES[:1, :, :5]})
    assert "\n" not in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is no model of OpenVINO"):
        loaded(tmp_path / "empty")
    (baseline / "model.xml").write_text("<net/>")
    with pytest.raises(ModelError, match=r"openvino cannot read it|does not say how"):
        loaded(baseline)
    with pytest.raises(ModelError, match="which is no source; give its ONNX file"):
        ENGINE.source_files(baseline)
    with pytest.raises(ValueError, match=r"is not an \.onnx file"):
        ENGINE.check_source("model.xml")


def test_a_complaint_is_what_is_about_the_model():
    text = "Exception from src/a.cpp:1:\nCheck 'x' failed at src/b.cpp:2:\nUnable to read\n  the model"
    assert complaint(RuntimeError(text)) == "Unable to read the model"
    assert complaint(RuntimeError("Exception from src/a.cpp:1:")) == "Exception from src/a.cpp:1:"
    assert len(complaint(RuntimeError("x" * 1000))) == 300
