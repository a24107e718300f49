"""Which axes an export leaves free, and what it calls inputs, outputs and layers."""

import numpy as np
import onnx
import pytest

from inc_mlflow.errors import CallableError, ModelError
from inc_mlflow.sources.pytorch.examples import examples_of
from inc_mlflow.sources.pytorch.outputs import named_outputs
from inc_mlflow.sources.pytorch.source import OpenedModule

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = pytest.mark.slow


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(20, 8), nn.LSTM(8, 12, batch_first=True)
        self.head = nn.Linear(12, 3)

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0][:, -1])


class OneRow(nn.Module):
    def forward(self, x):
        return x.reshape(1, 6)


def opened(module, *examples):
    given = list(examples) if len(examples) > 1 else examples[0]
    return OpenedModule(module.eval(), examples_of(module, given, "model.torch"))


def shapes(path):
    graph = onnx.load(path).graph
    return {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }


def tokens(rows, length):
    return torch.ones(rows, length, dtype=torch.int64)


def test_an_lstm_takes_any_batch_and_where_examples_differ_any_length(tmp_path):
    torch.manual_seed(0)
    source = opened(Recurrent(), (tokens(1, 5),), (tokens(1, 9),))
    about = source.convert(tmp_path / "lstm.onnx")
    assert shapes(tmp_path / "lstm.onnx") == {"tokens": ["batch", "size_1"], "output": ["batch", 3]}
    assert "lstm" in about.layers and about.framework == f"torch {torch.__version__}"
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "lstm.onnx")
    for rows, length in ((1, 4), (3, 17)):
        given = {"tokens": np.random.default_rng(rows).integers(0, 20, (rows, length))}
        assert np.allclose(session.run(None, given)[0], source.run(given)["output"], atol=1e-6)


def test_one_example_leaves_the_batch_alone_free(tmp_path):
    opened(Recurrent(), (tokens(1, 5),)).convert(tmp_path / "lstm.onnx")
    assert shapes(tmp_path / "lstm.onnx")["tokens"] == ["batch", 5]


def test_a_module_of_one_row_is_exported_with_that_and_says_so(tmp_path):
    about = opened(OneRow(), (torch.zeros(1, 2, 3),)).convert(tmp_path / "one.onnx")
    assert shapes(tmp_path / "one.onnx") == {"x": [1, 2, 3], "output": [1, 6]}
    assert about.notes[0].startswith("exported with the batch of its example alone; with any: ")


def test_layers_are_given_by_the_names_of_the_module(tmp_path):
    source = opened(Recurrent(), (tokens(1, 5),))
    values = source.run({"tokens": tokens(2, 5).numpy()}, ("embedding", "lstm", "nothing"))
    assert {name: value.shape for name, value in values.items()} == {
        "embedding": (2, 5, 8),
        "lstm": (2, 5, 12),
        "output": (2, 3),
    }


def test_a_module_that_cannot_run_is_one_line(tmp_path):
    with pytest.raises(ModelError, match="model: PyTorch cannot run it on its example: "):
        opened(nn.Linear(4, 2), (torch.zeros(1, 3),)).convert(tmp_path / "linear.onnx")


@pytest.mark.parametrize(
    ("returned", "names"),
    [
        (torch.ones(1), ["output"]),
        ((torch.ones(1), torch.ones(1)), ["output_0", "output_1"]),
        (
            {"logits": torch.ones(1), "states": (torch.ones(1), torch.ones(1))},
            ["logits", "states_0", "states_1"],
        ),
        ((torch.ones(1), None), ["output_0"]),
    ],
)
def test_outputs_have_names(returned, names):
    assert list(named_outputs(returned, "model.torch")) == names


@pytest.mark.parametrize("example", [(), 3, ({"x": 1},), [(torch.ones(1),), (torch.ones(1, 1),)], ("text",)])
def test_an_example_that_is_none_is_refused(example):
    with pytest.raises(CallableError, match=r"^model.torch: "):
        examples_of(nn.Linear(1, 1), example, "model.torch")


class Difference(nn.Module):
    def forward(self, a, b):
        return a - 2 * b


def test_one_tensor_as_example_of_two_inputs_leaves_both(tmp_path):
    ones = torch.ones(2, 3)
    opened(Difference(), {"a": ones, "b": ones}).convert(tmp_path / "model.onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    given = {"a": np.full((2, 3), 5, np.float32), "b": np.ones((2, 3), np.float32)}
    assert (session.run(None, given)[0] == 3).all()
