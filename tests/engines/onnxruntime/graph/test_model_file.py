import onnx
import pytest

from inc_mlflow.engines.onnxruntime.graph.model_file import external_files, read_structure, signature
from inc_mlflow.errors import ModelError
from tests.support.graphs import conv_with_batch_norm, linear, save_external


def test_weights_listed_as_inputs_are_not_asked_of_the_caller():
    specs = signature(conv_with_batch_norm())
    assert [(spec.name, spec.dtype, spec.shape) for spec in specs] == [("x", "float32", (1, 3, 8, 8))]


def test_a_free_axis_keeps_its_name():
    assert signature(linear())[0].shape == ("batch", 8)


@pytest.mark.parametrize("content", [b"", b"hello, I am no model", b"\x00" * 64, b"\x08\x08"])
def test_what_is_no_onnx_file_is_refused(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"not an ONNX file, or truncated"):
        read_structure(path)


def test_external_weights_are_listed_once(tmp_path):
    save_external(linear(), tmp_path / "m.onnx")
    structure = read_structure(tmp_path / "m.onnx")
    assert external_files(structure, tmp_path / "m.onnx") == [tmp_path / "weights.bin"]


def test_missing_and_truncated_external_weights_are_refused(tmp_path):
    save_external(linear(), tmp_path / "m.onnx")
    weights = tmp_path / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"truncated: weights\.bin needs"):
        read_structure(tmp_path / "m.onnx")
    weights.unlink()
    with pytest.raises(ModelError, match=r"missing: weights\.bin"):
        read_structure(tmp_path / "m.onnx")


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "link.bin"])
def test_weights_outside_the_models_directory_are_refused(tmp_path, location):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"x" * 1024)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    graph = linear()
    save_external(graph, folder / "m.onnx")
    graph = onnx.load(folder / "m.onnx", load_external_data=False)
    for entry in graph.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    (folder / "m.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match="outside its own directory"):
        read_structure(folder / "m.onnx")


def test_weights_hidden_in_a_subgraph_are_seen(tmp_path):
    tensor = onnx.TensorProto(name="hidden", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../secret.bin")
    inner = onnx.helper.make_graph(
        [onnx.helper.make_node("Constant", [], ["v"], value=tensor)],
        "inner",
        [],
        [onnx.helper.make_tensor_value_info("v", 1, [1])],
    )
    graph = linear()
    condition = onnx.helper.make_node(
        "Constant", [], ["yes"], value=onnx.helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True])
    )
    graph.graph.node.extend(
        [condition, onnx.helper.make_node("If", ["yes"], ["z"], then_branch=inner, else_branch=inner)]
    )
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match="outside its own directory"):
        read_structure(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda tensor: setattr(place(tensor, "location"), "value", "w\0.bin"),
            r"'w\\x00\.bin' is no name of a file",
        ),
        (lambda tensor: setattr(tensor, "data_type", 999), "has the unknown data type 999"),
        (
            lambda tensor: tensor.external_data.add(key="offset", value="9" * 5000),
            "says wrongly where its weights are",
        ),
        (
            lambda tensor: tensor.external_data.add(key="offset", value="none"),
            "says wrongly where its weights are",
        ),
    ],
)
def test_weights_that_cannot_be_found_are_told_in_one_line(tmp_path, change, why):
    save_external(linear(), tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    change(model.graph.initializer[0])
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=why) as refusal:
        read_structure(tmp_path / "m.onnx")
    assert "\n" not in str(refusal.value)


def place(tensor, key):
    return next(entry for entry in tensor.external_data if entry.key == key)


def test_an_input_of_an_unknown_type_is_told_in_one_line():
    model = linear()
    model.graph.input[0].type.tensor_type.elem_type = 999
    with pytest.raises(ModelError, match="has the unknown data type 999"):
        signature(model)
