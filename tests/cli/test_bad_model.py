"""Model files that cannot be used: found before the pipeline starts, by `run` and by `import` alike."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

SIZE = 397980
COMMANDS = ["run", "import"]


@pytest.fixture
def refuse(refused, work):
    """Assert that the job's model is refused; `import` leaves nothing that looks like a baseline."""

    def inner(command, *holds):
        arguments = (
            ["run", work.job]
            if command == "run"
            else ["import", work.folder / "fp32.onnx", "-o", work.folder / "out"]
        )
        refused(*arguments, holds=holds)
        assert not (work.folder / "out" / "model.onnx").exists()
        assert not (work.folder / "out" / "record.json").exists()

    return inner


def external(work, location="weights.bin", **info):
    """Make the job's model keep its largest weight in a file of its own; return that file."""
    model = onnx.load(work.folder / "fp32.onnx")
    tensor = max(model.graph.initializer, key=lambda one: one.ByteSize())
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": location, "offset": 0, "length": len(data)} | info).items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    (work.folder / "fp32.onnx").write_bytes(model.SerializeToString())
    file = work.folder / "weights.bin"
    file.write_bytes(data)
    return file


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        b"PK\x03\x04",
        b"\x80\x04\x95",
        b"<html>404</html>",
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
)
def test_not_onnx(refuse, work, command, content):
    work.write("fp32.onnx", content)
    refuse(command, "fp32.onnx", "not an ONNX file, or truncated", "export or copy it again")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "size", [1, 2, 16, 100, 4096, SIZE // 2, SIZE - 4096, SIZE - 100, *range(SIZE - 12, SIZE)]
)
def test_truncated(refuse, work, command, size):
    whole = (work.folder / "fp32.onnx").read_bytes()
    assert len(whole) == SIZE
    work.write("fp32.onnx", whole[:size])
    refuse(command, "fp32.onnx", "not an ONNX file, or truncated", "export or copy it again")


@pytest.mark.parametrize("command", COMMANDS)
def test_model_is_a_directory(refuse, work, command):
    (work.folder / "fp32.onnx").unlink()
    (work.folder / "fp32.onnx").mkdir()
    refuse(command, "fp32.onnx", "give")


def test_external_data_that_is_there_is_read(answer, work):
    external(work)
    assert answer("import", work.folder / "fp32.onnx", "-o", work.folder / "out")["opset"] >= 17


@pytest.mark.parametrize("command", COMMANDS)
def test_external_data_missing(refuse, work, command):
    external(work).unlink()
    refuse(command, "fp32.onnx", "external weights are missing", "weights.bin", "beside the model")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kept", [0, 1000])
def test_external_data_truncated(refuse, work, command, kept):
    file = external(work)
    needed = file.stat().st_size
    os.truncate(file, kept)
    refuse(
        command,
        "fp32.onnx",
        "external weights are truncated",
        f"weights.bin needs {needed} bytes",
        "copy it again",
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_external_data_truncated_without_a_length(refuse, work, command):
    """The format lets a tensor leave out its length: its type and shape tell it."""
    os.truncate(external(work, offset=None, length=None), 1000)
    refuse(command, "fp32.onnx", "weights.bin")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "info", [{"offset": "x"}, {"length": "many"}, {"offset": -8}, {"length": -8}], ids=str
)
def test_external_data_with_a_senseless_place(refuse, work, command, info):
    external(work, **info)
    refuse(command, "fp32.onnx")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["absolute", "parent", "deep"])
def test_external_data_outside(refuse, work, command, kind):
    outside = work.folder.parent / "weights.bin"
    location = {"absolute": str(outside), "parent": "../weights.bin", "deep": "a/../../weights.bin"}[kind]
    external(work, location).rename(outside)
    refuse(command, "fp32.onnx", "outside its own directory", repr(location), "only files beside it")


@pytest.mark.parametrize("command", COMMANDS)
def test_external_data_linked_to_outside(refuse, work, command):
    file, outside = external(work), work.folder.parent / "weights.bin"
    file.rename(outside)
    file.symlink_to(outside)
    refuse(command, "fp32.onnx", "outside its own directory", "'weights.bin'", "only files beside it")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("location", ["", "."])
def test_external_data_without_a_name(refuse, work, command, location):
    external(work, location)
    refuse(command, "fp32.onnx", "external weights are missing")


def small(work, nodes, inputs=("x",), dtype=TensorProto.FLOAT, opset=17):
    made = [helper.make_tensor_value_info(name, dtype, ["n", 4]) for name in inputs]
    graph = helper.make_graph(nodes, "g", made, [helper.make_tensor_value_info("y", dtype, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    (work.folder / "fp32.onnx").write_bytes(model.SerializeToString())


INVALID = {
    "unknown operator": [helper.make_node("Frobnicate", ["x"], ["y"])],
    "dangling input": [helper.make_node("Relu", ["z"], ["y"])],
    "unknown domain": [helper.make_node("Relu", ["x"], ["y"], domain="com.example")],
    "attribute of another type": [helper.make_node("Concat", ["x", "x"], ["y"], axis="a")],
}


@pytest.mark.parametrize("opset", [9, 17])
@pytest.mark.parametrize("case", INVALID)
def test_invalid_graph(refuse, work, case, opset):
    small(work, INVALID[case], opset=opset)
    refuse("import", "onnx")


def test_sequence_input(refused, work):
    value = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    output = helper.make_tensor_value_info("y", TensorProto.INT64, [])
    graph = helper.make_graph([helper.make_node("SequenceLength", ["s"], ["y"])], "g", [value], [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    work.write("fp32.onnx", model.SerializeToString())
    refused("run", work.job, holds=("'s'", "not a tensor", "only tensor inputs"))


def test_no_inputs(refused, work):
    small(work, [helper.make_node("Constant", [], ["y"], value_float=1.0)], inputs=())
    refused("run", work.job, holds=("fp32.onnx", "no inputs"))


def test_evaluate_a_model_with_other_outputs(refused, work):
    model = onnx.load(work.folder / "fp32.onnx")
    last = model.graph.node[-1]
    assert last.output[0] == "logits"
    last.output[0] = model.graph.output[0].name = "scores"
    onnx.save(model, work.folder / "other.onnx")
    refused("evaluate", work.job, "--model", work.folder / "other.onnx", holds=("other.onnx", "logits"))


def test_evaluate_a_model_with_other_inputs(refused, work):
    source = work.folder / "fp32.onnx"
    original = source.read_bytes()
    small(work, [helper.make_node("Relu", ["x"], ["y"])])
    source.rename(work.folder / "other.onnx")
    work.write("fp32.onnx", original)
    refused("evaluate", work.job, "--model", work.folder / "other.onnx", holds=("other.onnx",))


def test_ranges_that_are_none(refused, work):
    work.set("data.calibration.samples", 2)
    recipe = ["--recipe", '{"method": "static"}', "-o", work.folder / "x.onnx"]
    for content in (
        "{}",
        "[]",
        "x",
        '{"format": 2}',
        '{"format": 1, "model_sha256": "0", "rows": 1, "minmax": {"a": 1}}',
    ):
        file = work.write("ranges", content)
        refused("quantize", work.job, "--ranges", file, *recipe, holds=(str(file), "calibrate"))


def test_ranges_of_another_model(refused, work, answer):
    work.set("data.calibration.samples", 2)
    answer("calibrate", work.job, "-o", work.folder / "ranges")
    model = onnx.load(work.folder / "fp32.onnx")
    model.graph.initializer[0].raw_data = (
        2 * np.frombuffer(model.graph.initializer[0].raw_data, np.float32)
    ).tobytes()
    onnx.save(model, work.folder / "fp32.onnx")
    recipe = ["--recipe", '{"method": "static"}', "-o", work.folder / "x.onnx"]
    refused(
        "quantize",
        work.job,
        "--ranges",
        work.folder / "ranges",
        *recipe,
        holds=("ranges", "another model", "calibrate"),
    )
