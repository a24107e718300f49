"""One network with one set of weights, by Keras and by PyTorch, gives one baseline and, by one recipe, one accuracy.

Keras runs in the environment of TensorFlow's tests, PyTorch in this one: they never share a process.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from inc_mlflow.engines.engine import MethodData, RunSettings
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.spec import parse_recipe

torch = pytest.importorskip("torch")
ROOT = Path(__file__).parents[3]
KERAS_PYTHON = ROOT / ".venv-tensorflow" / "bin" / "python"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not KERAS_PYTHON.exists(), reason="`make test` makes the environment of TensorFlow"),
]
ENGINE = ENGINES.get("onnxruntime")
WRITE_KERAS = """
import sys
from pathlib import Path
import numpy as np
from inc_mlflow.registry.sources import SOURCES
from tests.support.digits_cnn import digits, trained_cnn

folder = Path(sys.argv[1])
model, (images, labels) = trained_cnn(), digits()
model.save(folder / "cnn.keras")
np.savez(folder / "weights.npz", *model.get_weights())
np.savez(folder / "digits.npz", images=images, labels=labels)
spec = SOURCES.options("keras").model_validate({"keras": "cnn.keras"})
SOURCES.get("keras").open(spec, folder).convert(folder / "keras.onnx")
"""
TORCH = """
import numpy as np
import torch
from torch import nn


class Twin(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16, eps=1e-3)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.last = nn.Conv2d(16, 32, 3)
        self.dense = nn.Linear(128, 10)

    def forward(self, image):
        x = torch.relu(self.norm(self.first(image.permute(0, 3, 1, 2))))
        x = nn.functional.max_pool2d(nn.functional.relu6(self.depthwise(x)), 2)
        x = torch.relu(self.last(x))
        return self.dense(x.permute(0, 2, 3, 1).flatten(1))


def build():
    return Twin(), (torch.zeros(1, 8, 8, 1),)
"""


@pytest.fixture(scope="module")
def baselines(tmp_path_factory):
    """Kind -> baseline, and the images with their labels."""
    folder = tmp_path_factory.mktemp("twins")
    subprocess.run([KERAS_PYTHON, "-c", WRITE_KERAS, folder], cwd=ROOT, check=True)
    (folder / "model.py").write_text(TORCH)
    with np.load(folder / "weights.npz") as kept:
        torch.save(state_dict([kept[name] for name in kept.files]), folder / "weights.pt")
    spec = SOURCES.options("torch").model_validate({"torch": "model.py:build", "weights": "weights.pt"})
    SOURCES.get("torch").open(spec, folder).convert(folder / "torch.onnx")
    found = {}
    for kind in ("keras", "torch"):
        (folder / kind).mkdir()
        ENGINE.import_source(folder / f"{kind}.onnx", folder / kind)
        found[kind] = folder / kind / ENGINE.model_name
    with np.load(folder / "digits.npz") as rows:
        return found, rows["images"], rows["labels"]


def state_dict(weights):
    """Bring Keras's weights, height x width x inputs x outputs, into the names and the order of PyTorch."""
    first, gain, offset, mean, variance, depthwise, depthwise_bias, last, last_bias, dense, dense_bias = (
        weights
    )
    found = {
        "first.weight": first.transpose(3, 2, 0, 1),
        "norm.weight": gain,
        "norm.bias": offset,
        "norm.running_mean": mean,
        "norm.running_var": variance,
        "norm.num_batches_tracked": np.array(0),
        "depthwise.weight": depthwise.transpose(2, 3, 0, 1),
        "depthwise.bias": depthwise_bias,
        "last.weight": last.transpose(3, 2, 0, 1),
        "last.bias": last_bias,
        "dense.weight": dense.T,
        "dense.bias": dense_bias,
    }
    return {name: torch.from_numpy(values.copy()) for name, values in found.items()}


def outputs(path, images):
    model = ENGINE.load(path, RunSettings())
    (given,) = model({input_of(path): images}).values()
    return given


def input_of(path):
    (one,) = ENGINE.interface(path).inputs
    return one.name


def test_baselines_are_equal(baselines):
    found, images, labels = baselines
    by_keras, by_torch = (outputs(found[kind], images[1200:]) for kind in ("keras", "torch"))
    assert np.abs(by_keras - by_torch).max() / np.abs(by_keras).max() < 1e-4
    assert (by_torch.argmax(1) == labels[1200:]).mean() > 0.8


def test_one_recipe_gives_one_accuracy(baselines, tmp_path):
    found, images, labels = baselines
    recipe, accuracy = parse_recipe({"method": "static"}), {}
    for kind, baseline in found.items():
        rows = [{input_of(baseline): image[None]} for image in images[:100]]
        statistics = ENGINE.calibrator.collect(baseline, rows, recipe.statistics, 1)
        data = MethodData(lambda rows=rows: iter(rows), statistics, threads=1)
        target = tmp_path / f"{kind}.onnx"
        METHODS.get(f"{recipe.engine}.{recipe.method}").apply(baseline, recipe, data, target)
        accuracy[kind] = (outputs(target, images[1200:]).argmax(1) == labels[1200:]).mean()
    assert abs(accuracy["keras"] - accuracy["torch"]) < 0.005, accuracy
