"""A rate ten times too high hands over nothing that is worse than the start by more than chance, on rows that judge."""

import json

import numpy as np
import pytest

from inc_mlflow.training.learning_rate import TRIED
from tests.support.trainings import VALIDATION, baseline, hits, train, training_data

pytest.importorskip("torch")
pytestmark = pytest.mark.long
SEEDS, BITS = range(3), (8, 3)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return baseline(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_handed_over_is_not_worse_than_the_start(base, tmp_path, bits, seed):
    data = training_data(base, tmp_path / "state", learning_rate=10 * TRIED[-1], epochs=4, seed=seed)
    made = train(base, tmp_path / "model.onnx", data, weight_bits=bits)
    facts = json.loads((tmp_path / "training.json").read_text())
    assert facts["learning_rate"] == 10 * TRIED[-1]
    (start,) = tmp_path.glob("state/*/0/model.onnx")
    difference = hits(made, VALIDATION) - hits(start, VALIDATION)
    assert difference.mean() >= -difference.std(ddof=1) / np.sqrt(len(difference))
