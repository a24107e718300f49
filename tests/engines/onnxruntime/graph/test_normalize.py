import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.graph.normalize import OPSET, normalize
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from inc_mlflow.files import sha256_file
from tests.support.graphs import conv_with_batch_norm, linear, model, save_external


def outputs(path, inputs):
    return Runner(path, threads=1)(inputs)


def test_an_old_model_is_raised_folded_and_still_the_same(tmp_path):
    onnx.save(conv_with_batch_norm(opset=9), tmp_path / "old.onnx")
    assert normalize(tmp_path / "old.onnx", tmp_path).opset == OPSET
    baseline = read_structure(tmp_path / MODEL)
    assert [node.op_type for node in baseline.graph.node] == ["Conv", "Relu"]
    assert [value.name for value in baseline.graph.input] == ["x"]
    rows = {"x": np.random.default_rng(2).standard_normal((1, 3, 8, 8)).astype("f4")}
    before, after = outputs(tmp_path / "old.onnx", rows), outputs(tmp_path / MODEL, rows)
    np.testing.assert_allclose(before["y"], after["y"], atol=1e-5)


def test_a_newer_opset_is_kept(tmp_path):
    onnx.save(linear(opset=21), tmp_path / "new.onnx")
    assert normalize(tmp_path / "new.onnx", tmp_path).opset == 21


def test_the_same_source_gives_the_same_bytes(source, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        normalize(source, tmp_path / name)
    assert sha256_file(tmp_path / "a" / MODEL) == sha256_file(tmp_path / "b" / MODEL)


def test_every_node_gets_a_name_of_its_own(tmp_path):
    onnx.save(linear(), tmp_path / "m.onnx")
    normalize(tmp_path / "m.onnx", tmp_path)
    names = [node.name for node in read_structure(tmp_path / MODEL).graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


def test_only_used_operator_sets_are_listed(baseline):
    assert [entry.domain for entry in read_structure(baseline).opset_import] == [""]


def test_external_weights_are_taken_in(tmp_path):
    save_external(linear(opset=13), tmp_path / "m.onnx")
    normalize(tmp_path / "m.onnx", tmp_path)
    (tmp_path / "weights.bin").unlink()
    rows = {"x": np.ones((3, 8), "f4")}
    assert outputs(tmp_path / MODEL, rows)["y"].shape == (3, 4)


def test_an_operator_that_does_not_exist_is_one_line(tmp_path):
    graph = model([helper.make_node("NoSuchOperator", ["x"], ["y"])], {}, {"x": [1]}, {"y": [1]}, 17)
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match="onnxruntime cannot load it") as error:
        normalize(tmp_path / "m.onnx", tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.long
def test_above_two_gigabytes(tmp_path):
    from inc_mlflow.engines.onnxruntime.calibration.collect import collect
    from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
    from tests.support.onnx_candidates import quantize

    weight = np.random.default_rng(0).standard_normal((8192, 8192), dtype=np.float32) / 90
    nodes = [helper.make_node("MatMul", [f"h{i}", f"w{i}"], [f"h{i + 1}"]) for i in range(9)]
    weights = {f"w{i}": weight + i * 1e-4 for i in range(9)}
    save_external(model(nodes, weights, {"h0": ["n", 8192]}, {"h9": ["n", 8192]}, 13), tmp_path / "big.onnx")
    del weights
    (tmp_path / "baseline").mkdir()
    assert normalize(tmp_path / "big.onnx", tmp_path / "baseline").opset == OPSET
    baseline, rows = tmp_path / "baseline" / MODEL, {"h0": np.ones((1, 8192), "f4")}
    np.testing.assert_array_equal(outputs(tmp_path / "big.onnx", rows)["h9"], outputs(baseline, rows)["h9"])
    ranges = collect(baseline, [rows], threads=2)
    for number, recipe in enumerate((Dynamic(per_channel=False), Static(per_channel=False))):
        target = tmp_path / str(number) / MODEL
        target.parent.mkdir()
        quantize(baseline, ranges, recipe, target)
        assert np.isfinite(outputs(target, rows)["h9"]).all()
