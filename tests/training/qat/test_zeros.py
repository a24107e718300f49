"""What a stage before has made zero is zero in a trained candidate's file; what it has not may move."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.errors import ModelError
from inc_mlflow.training.qat.network import TrainableNetwork
from inc_mlflow.training.qat.zeros import HeldZeros
from tests.support.trainings import baseline, train, training_data

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    """A network half of whose weights are zero, and how many those are."""
    base = baseline(tmp_path_factory.mktemp("base"))
    model, count = onnx.load(base), 0
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        if values.ndim == 2:
            values[np.abs(values) < np.median(np.abs(values))] = 0
            count += int((values == 0).sum())
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, base)
    return base, count


def zeros(path):
    """Where weights are zero in a file, by layer."""
    graph = ENGINE.trainable.read(path, path)
    return {name: one.values == 0 for name, one in graph.weights.items() if one.layer}


def trained(pruned, folder, count, **options):
    base, _ = pruned
    data = replace(training_data(base, folder / "state", learning_rate=0.01), zeros=count)
    made = train(base, folder / MODEL, data, **options)
    (start,) = folder.glob("state/*/start/model.onnx")
    later = [path for path in folder.glob(f"state/*/[12]/{MODEL}")]
    return made, start, later


@pytest.mark.parametrize("bits", [8, 4])
def test_zeros_of_a_stage_stay_zero_in_every_epochs_file(pruned, tmp_path, bits):
    _, count = pruned
    made, start, later = trained(pruned, tmp_path, count, weight_bits=bits)
    before = zeros(start)
    assert len(later) == 2
    for path in (made, *later):
        for name, there in zeros(path).items():
            assert there[before[name]].all()
    moved = [onnx.load(path).SerializeToString() != onnx.load(start).SerializeToString() for path in later]
    assert all(moved)
    facts = (tmp_path / "training.json").read_text()
    assert f'"zeros": {sum(int(one.sum()) for one in zeros(made).values())}' in facts


def test_zeros_that_no_stage_has_placed_are_trained(pruned, tmp_path):
    _, start, later = trained(pruned, tmp_path, 0)
    before, after = zeros(start), zeros(later[-1])
    assert sum(int((before[name] & ~after[name]).sum()) for name in before) > 100
    assert '"zeros"' not in (tmp_path / "training.json").read_text()


def test_a_file_without_the_zeros_is_refused(pruned, tmp_path):
    base, count = pruned
    _, start, later = trained(pruned, tmp_path, 0)
    graph = ENGINE.trainable.read(start, base)
    held = HeldZeros(graph, TrainableNetwork(graph).parameters.weights, count)
    with pytest.raises(ModelError, match="that were pruned are not zero in the file"):
        held.counted(ENGINE.trainable.read(later[-1], later[-1]), [])
    more = HeldZeros(graph, TrainableNetwork(graph).parameters.weights, 10**6)
    with pytest.raises(ModelError, match="and pruning had made 1000000 so"):
        more.counted(graph, [])
