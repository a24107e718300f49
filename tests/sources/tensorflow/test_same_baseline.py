"""One model in files of every kind gives one baseline, and one recipe one accuracy."""

import numpy as np
import pytest

from inc_mlflow.engines.engine import MethodData, RunSettings
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.spec import parse_recipe
from tests.support.digits_cnn import digits, save_everywhere, trained_cnn

pytestmark = pytest.mark.slow

KINDS = ["keras", "h5", "saved_model", "graph", "tflite"]
ENGINE = ENGINES.get("onnxruntime")


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Kind -> baseline; the model's own answers are under None."""
    folder = tmp_path_factory.mktemp("digits")
    model = trained_cnn()
    images, _ = digits()
    found = {None: np.asarray(model(images[1200:], training=False))}
    for kind, given in save_everywhere(model, folder).items():
        (name,) = given
        spec = SOURCES.options(name).model_validate(given)
        target = folder / kind
        target.mkdir()
        SOURCES.get(name).open(spec, folder).convert(target / "source.onnx")
        ENGINE.import_source(target / "source.onnx", target)
        found[kind] = target / ENGINE.model_name
    return found


def outputs(path, images):
    model = ENGINE.load(path, RunSettings())
    (name,) = (one.name for one in ENGINE.interface(path).inputs)
    (given,) = model({name: images}).values()
    return given


@pytest.mark.parametrize("kind", KINDS)
def test_the_baseline_gives_what_keras_gives(imported, kind):
    images, labels = digits()
    ours, theirs = outputs(imported[kind], images[1200:]), imported[None]
    assert np.abs(ours - theirs).max() / np.abs(theirs).max() < 1e-4
    assert (ours.argmax(1) == labels[1200:]).mean() > 0.8


def test_one_recipe_gives_one_accuracy(imported, tmp_path):
    images, labels = digits()
    recipe = parse_recipe({"method": "static"})
    found = {}
    for kind in KINDS:
        baseline = imported[kind]
        (name,) = (one.name for one in ENGINE.interface(baseline).inputs)
        rows = [{name: image[None]} for image in images[:100]]
        statistics = ENGINE.calibrator.collect(baseline, rows, recipe.statistics, 1)
        data = MethodData(lambda rows=rows: iter(rows), statistics, threads=1)
        METHODS.get(f"{recipe.engine}.{recipe.method}").apply(
            baseline, recipe, data, tmp_path / f"{kind}.onnx"
        )
        found[kind] = (outputs(tmp_path / f"{kind}.onnx", images[1200:]).argmax(1) == labels[1200:]).mean()
    assert max(found.values()) - min(found.values()) < 0.005, found
    assert min(found.values()) > 0.8
