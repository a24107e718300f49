"""Modules that take and return anything: arguments in lists and mappings, constants, classes of outputs."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from inc_mlflow.errors import CallableError, ModelError
from inc_mlflow.sources.pytorch.examples import examples_of
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.source import SOURCE, OpenedModule

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow
ROW = torch.randn(1, 8)
Pair = namedtuple("Pair", ["first", "second"])


@dataclass
class Answer:
    logits: torch.Tensor
    hidden: torch.Tensor | None


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(8, 4)


class AnyNumber(Net):
    def forward(self, *rows):
        return self.dense(rows[0] - rows[1])


class Named(Net):
    def forward(self, **rows):
        return self.dense(rows["a"] - rows["b"])


class OfMapping(Net):
    def forward(self, batch):
        return self.dense(batch["a"] - batch["b"])


class OfPair(Net):
    def forward(self, pair, x):
        return self.dense(pair.first - pair.second * x)


class OfList(Net):
    def forward(self, rows):
        return self.dense(torch.stack(rows).sum(0) * torch.ones(8).cumsum(0))


class WithConstants(Net):
    def forward(self, x, mask, scale, flag):
        return self.dense(x) * scale if mask is None and flag else x


class GivesClass(Net):
    def forward(self, x):
        return Answer(self.dense(x), None)


class GivesNested(Net):
    def forward(self, x):
        return (self.dense(x), (x * 2, None)), {"same": x + 1}


class GivesItsInput(Net):
    def forward(self, x):
        return {"x": self.dense(x), "given": x}


def exported(folder, module, example):
    """Export a module; return the names of inputs and outputs, and both results for two rows."""
    import onnxruntime

    opened = OpenedModule(module.eval(), examples_of(module, example, "model.torch"))
    opened.convert(folder / "m.onnx")
    session = onnxruntime.InferenceSession(folder / "m.onnx")
    random = np.random.default_rng(0)
    names = [one.name for one in session.get_inputs()]
    rows = {name: random.normal(size=(2, 8)).astype("f4") for name in names}
    outputs = [one.name for one in session.get_outputs()]
    return names, dict(zip(outputs, session.run(None, rows), strict=True)), opened.run(rows)


@pytest.mark.parametrize(
    ("module", "example", "inputs", "outputs"),
    [
        (AnyNumber, (ROW, ROW), ["rows_0", "rows_1"], ["output"]),
        (Named, {"a": ROW, "b": ROW}, ["a", "b"], ["output"]),
        (OfMapping, ({"a": ROW, "b": ROW},), ["batch_a", "batch_b"], ["output"]),
        (OfMapping, {"batch": {"a": ROW, "b": ROW}}, ["batch_a", "batch_b"], ["output"]),
        (OfPair, (Pair(ROW, ROW), ROW), ["pair_0", "pair_1", "x"], ["output"]),
        (OfList, ([ROW, ROW],), ["rows_0", "rows_1"], ["output"]),
        (WithConstants, (ROW, None, 2.0, True), ["x"], ["output"]),
        (GivesClass, (ROW,), ["x"], ["logits"]),
        (GivesNested, (ROW,), ["x"], ["output_0_0", "output_0_1_0", "output_1_same"]),
        (GivesItsInput, (ROW,), ["x"], ["output_x", "given"]),
    ],
)
def test_a_call_of_any_form_is_exported_with_names_for_its_tensors(
    tmp_path, module, example, inputs, outputs
):
    names, ours, theirs = exported(tmp_path, module(), example)
    assert (names, list(ours)) == (inputs, outputs)
    assert list(theirs) == outputs
    for name in outputs:
        assert np.allclose(ours[name], theirs[name], atol=1e-5)


def test_weights_and_layers_are_called_as_the_module_calls_them(tmp_path):
    import onnx

    module = AnyNumber().eval()
    made = OpenedModule(module, examples_of(module, (ROW, ROW), "model.torch")).convert(tmp_path / "m.onnx")
    assert {"dense.weight", "dense.bias"} <= {
        one.name for one in onnx.load(tmp_path / "m.onnx").graph.initializer
    }
    assert made.layers == () or made.layers == ("dense",)


@pytest.mark.parametrize(
    ("example", "says"),
    [
        (({"a": ROW, "b": object()},), "'batch_b' is object; give tensors; lists, tuples and mappings"),
        ([({"a": ROW, "b": 1},), ({"a": ROW, "b": 2},)], "differ in more than their tensors"),
        (({"a": ROW}, ROW), None),
    ],
)
def test_what_no_call_can_have_is_one_line(tmp_path, example, says):
    if says is None:
        with pytest.raises(ModelError, match="cannot run it on its example"):
            exported(tmp_path, OfMapping(), example)
        return
    with pytest.raises(CallableError, match=says):
        examples_of(OfMapping(), example, "model.torch")


def test_an_export_that_ends_names_the_line_of_the_users_code(tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n"
        "        if x.sum() > 0:\n            return x\n        return -x\n\n"
        "def build():\n    return Net(), (torch.ones(1, 8),)\n"
    )
    opened = SOURCE.open(TorchModel(torch="net.py:build"), tmp_path)
    with pytest.raises(ModelError, match=r"\(at net.py:5, `if x.sum\(\) > 0:`\); change the module there"):
        opened.convert(tmp_path / "m.onnx")


def test_a_module_of_bfloat16_is_taken_with_its_weights_in_float32(tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\n\ndef build():\n    module = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU())\n"
        "    return module.bfloat16(), (torch.ones(1, 8).bfloat16(),)\n"
    )
    opened = SOURCE.open(TorchModel(torch="net.py:build"), tmp_path)
    rows = {"input": np.random.default_rng(0).normal(size=(3, 8)).astype("f4")}
    import onnxruntime

    opened.convert(tmp_path / "m.onnx")
    (ours,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, rows)
    assert ours.dtype == np.float32 and np.allclose(ours, opened.run(rows)["output"], atol=1e-6)
