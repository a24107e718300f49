"""A candidate is trained and written back into its own nodes, from checkpoints after a kill, or refused in one line."""

import json
import multiprocessing
import os
import signal
import time

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.errors import CallableError, DataError, ModelError
from inc_mlflow.files import sha256_file
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.spec import parse_recipe
from inc_mlflow.training.qat.network import TrainableNetwork
from tests.support.trainings import (
    TRAINING,
    VALIDATION,
    baseline,
    batches,
    hits,
    method_data,
    train,
    training_data,
)

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return baseline(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def three_bits(base, tmp_path_factory):
    """A candidate with weights of three bits, trained for two epochs."""
    folder = tmp_path_factory.mktemp("three")
    return train(base, folder / "model.onnx", training_data(base, folder / "state"), weight_bits=3)


def facts(candidate):
    return json.loads((candidate.parent / "training.json").read_text())


def start_of(candidate):
    (start,) = candidate.parent.glob("state/*/0/model.onnx")
    return start


def structure(path):
    graph = onnx.load(path).graph
    nodes = [node.SerializeToString() for node in graph.node]
    return nodes, [(one.name, one.data_type, tuple(one.dims)) for one in graph.initializer]


def test_training_gives_back_what_few_bits_lose(base, three_bits):
    before, after = (hits(path, VALIDATION).mean() for path in (start_of(three_bits), three_bits))
    assert hits(base, VALIDATION).mean() > 0.9
    assert after > before + 0.05


def test_nodes_and_types_stay_those_of_the_start(three_bits):
    assert structure(three_bits) == structure(start_of(three_bits))


def test_weights_have_the_bits_of_the_recipe(three_bits):
    weights = [
        numpy_helper.to_array(one)
        for one in onnx.load(three_bits).graph.initializer
        if one.data_type == onnx.TensorProto.INT8
    ]
    assert weights
    assert {int(np.abs(one).max()) for one in weights if one.ndim == 2} == {3}


def test_torch_computes_what_the_file_says(three_bits):
    assert facts(three_bits)["agreement"] < 1e-3


def test_every_epoch_is_kept_and_recorded(three_bits):
    found = facts(three_bits)
    assert [point["epoch"] for point in found["points"]] == [0, 1, 2]
    assert found["chosen"] > 0
    assert len(list(three_bits.parent.glob("state/*/[0-9]/model.onnx"))) == 3
    assert found["loss"] == "cross_entropy and distillation"


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(base, three_bits, tmp_path):
    again = train(base, tmp_path / "a" / "model.onnx", training_data(base, tmp_path / "s"), weight_bits=3)
    other = train(
        base, tmp_path / "b" / "model.onnx", training_data(base, tmp_path / "s", seed=1), weight_bits=3
    )
    assert again.read_bytes() == three_bits.read_bytes() != other.read_bytes()


def test_without_labels_the_baseline_teaches(base, tmp_path):
    rows = lambda: ((inputs, None) for inputs, _ in batches(TRAINING))  # noqa: E731
    data = training_data(base, tmp_path / "state", rows=rows)
    made = train(base, tmp_path / "model.onnx", data, weight_bits=3)
    assert facts(made)["loss"] == "distillation"
    assert hits(made, VALIDATION).mean() > hits(start_of(made), VALIDATION).mean()


def killed_training(folder, source):
    torch.set_num_threads(1)
    train(source, folder / "model.onnx", training_data(source, folder / "state", checkpoint=3), weight_bits=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_killed_training_ends_with_the_same_bytes(base, three_bits, tmp_path, seed):
    random = np.random.default_rng(seed)
    checkpoint, kills = None, 0
    while not (tmp_path / "model.onnx").exists():
        process = multiprocessing.get_context("spawn").Process(target=killed_training, args=(tmp_path, base))
        process.start()
        wanted = kills + 1  # after so many new checkpoints, and a moment more
        seen = 0
        while process.is_alive() and kills < 3 and seen < wanted:
            found = [path.stat().st_mtime_ns for path in tmp_path.glob("state/*/checkpoint.pt")]
            if found and found[0] != checkpoint:
                checkpoint, seen = found[0], seen + 1
            time.sleep(0.005)
        if process.is_alive() and kills < 3:
            time.sleep(random.uniform(0, 0.05))
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.join()
    assert kills
    uninterrupted = train(
        base, tmp_path / "u" / "model.onnx", training_data(base, tmp_path / "us", checkpoint=3), weight_bits=3
    )
    assert sha256_file(tmp_path / "model.onnx") == sha256_file(uninterrupted)
    assert (tmp_path / "training.json").read_text() == (uninterrupted.parent / "training.json").read_text()


def test_a_loss_of_the_users_own_is_used(base, tmp_path):
    def loss(found, labels, reference):
        return torch.nn.functional.cross_entropy(found["logits"], labels)

    made = train(
        base, tmp_path / "model.onnx", training_data(base, tmp_path / "state", function=loss), weight_bits=3
    )
    assert facts(made)["loss"] == "callable"
    assert facts(made)["chosen"] > 0


BAD_LOSSES = [
    (lambda found, labels, reference: found["logits"].sum() * float("nan"), ModelError, "the loss is nan"),
    (lambda found, labels, reference: torch.zeros(()), ModelError, "no gradient"),
    (lambda found, labels, reference: 1.0, CallableError, "gives float"),
]


@pytest.mark.parametrize(("loss", "kind", "text"), BAD_LOSSES)
def test_a_bad_loss_is_refused_in_one_line(base, tmp_path, loss, kind, text):
    with pytest.raises(kind, match=text) as caught:
        train(base, tmp_path / "model.onnx", training_data(base, tmp_path / "state", function=loss))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "text"),
    [(np.full(50, 10), "from 10 to 10, classes from 0 to 9"), (np.zeros((50, 3)), "float64")],
)
def test_labels_that_do_not_fit_are_refused(base, tmp_path, labels, text):
    rows = lambda: ((inputs, labels) for inputs, _ in batches(TRAINING))  # noqa: E731
    data = training_data(base, tmp_path / "state", rows=rows, loss="cross_entropy")
    with pytest.raises(DataError, match=text):
        train(base, tmp_path / "model.onnx", data)


def test_an_operator_that_torch_is_not_taught_is_named(base, three_bits, tmp_path):
    model = onnx.load(start_of(three_bits))
    last = model.graph.node[-1]
    output, last.output[0] = last.output[0], "before"
    model.graph.node.append(helper.make_node("Hardmax", ["before"], [output], name="top"))
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="'top': Hardmax cannot be trained"):
        TrainableNetwork(ENGINE.trainable.read(tmp_path / "other.onnx", base))


def test_a_job_without_training_rows_is_refused(base, tmp_path):
    recipe = parse_recipe({"method": "qat"})
    data = MethodData(method_data(base, None).rows, method_data(base, None).statistics, 1)
    with pytest.raises(ModelError, match="has no training rows"):
        METHODS.get("onnxruntime.qat").apply(base, recipe, data, tmp_path / "model.onnx")


def test_a_rate_that_is_far_too_high_hands_over_the_start(base, tmp_path):
    data = training_data(base, tmp_path / "state", learning_rate=1.0)
    made = train(base, tmp_path / "model.onnx", data)
    assert facts(made)["chosen"] == 0
    assert made.read_bytes() == start_of(made).read_bytes()
