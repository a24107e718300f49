"""Real models of TensorFlow, Keras and TFLite: what a job makes of each, and what is refused in one line."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from tests.real.jobs import run

pytestmark = [pytest.mark.real, pytest.mark.tensorflow]
if find_spec("tensorflow") is None:
    pytestmark.append(pytest.mark.skip(reason="TensorFlow is not installed here: `make test` runs it"))

JOB = """
version: 1
name: {name}
model: {model}
data:
  calibration: {{{calib}}}
  validation: {{{test}}}
metric: {{callable: "metric.py:{metric}", range: [0, 1]}}
recipes: [{recipe}]
gate: {{max_relative_drop: 0.1}}
"""
METRIC = """
import numpy as np


def best(outputs, labels, reference):
    '''Whether the best class is the baseline's.'''
    (name,) = outputs
    return (outputs[name].argmax(1) == reference[name].argmax(1)).astype(float)


def notes(outputs, labels, reference):
    '''F1 of the notes over one half, of each row.'''
    mine, theirs = outputs["note"] > 0.5, reference["note"] > 0.5
    both = (mine & theirs).sum((1, 2))
    return (2 * both + 1) / (mine.sum((1, 2)) + theirs.sum((1, 2)) + 1)


def detections(outputs, labels, reference):
    '''Share of the baseline's good detections that are found, by class and overlap.'''
    return np.array([share(mine, theirs) for mine, theirs in zip(*(
        one["tower_0/detections"] for one in (outputs, reference)), strict=True)])


def share(mine, theirs):
    good = theirs[theirs[:, 4] > 0.3]
    if not len(good):
        return 1.0
    found = [any(near(one, other) for other in mine[mine[:, 4] > 0.2]) for one in good]
    return float(np.mean(found))


def near(one, other):
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:4], other[2:4])
    both = np.prod(np.maximum(high - low, 0))
    areas = np.prod(one[2:4] - one[:2]) + np.prod(other[2:4] - other[:2])
    return one[5] == other[5] and both > 0.5 * (areas - both)
"""


def judged(tmp_path, models, **fields):
    """Run a job on a model; return its table by recipe, and the largest difference from the framework."""
    (tmp_path / "metric.py").write_text(METRIC)
    fields = {"recipe": "{method: static}", "metric": "best"} | fields
    result = run(tmp_path, JOB.format(name="model", **fields).replace("MODELS", str(models)), 0, 3, 4)
    (record,) = tmp_path.glob(".inc-mlflow/*/baseline/record.json")
    parity = json.loads(record.read_text())["framework_source"]["parity"]
    return result["table"], max(one["relative_difference"] for one in parity)


def rows(name, source):
    calib, test = (f"path: MODELS/{name}/{split}.npz, inputs: {{{source}}}" for split in ("calib", "test"))
    return {"calib": f"{calib}, samples: 50", "test": test}


@pytest.mark.long
def test_a_checkpoint_of_a_music_tagger(models, tmp_path):
    table, parity = judged(
        tmp_path,
        models,
        model="{checkpoint: MODELS/musicnn-ckpt/MTT_vgg, outputs: [model/Sigmoid]}",
        recipe="{method: static, calibrate_method: percentile}",
        **rows("musicnn-ckpt", "model/Placeholder: mel"),
    )
    assert parity < 1e-4
    assert table[1]["speedup"]["value"] > 1.5


@pytest.mark.long
@pytest.mark.parametrize("model", ["{keras: MODELS/fer-h5/emotion_model.hdf5}"])
def test_a_keras_2_file_of_faces(models, tmp_path, model):
    table, parity = judged(tmp_path, models, model=model, **rows("fer-h5", "input_1: x"))
    assert parity < 1e-4
    assert table[1]["accuracy"]["value"] > 0.7


@pytest.mark.long
@pytest.mark.parametrize(
    "model", ["{saved_model: MODELS/basic-pitch/savedmodel}", "{tflite: MODELS/basic-pitch/nmp.tflite}"]
)
def test_a_saved_model_and_a_tflite_file_of_notes(models, tmp_path, model):
    (tmp_path / "data.py").write_text(
        "import numpy as np\n"
        "FILES = {'calibration': 'calib', 'validation': 'test'}\n"
        "def rows(split):\n"
        f"    audio = np.load('{models}/basic-pitch/' + FILES[split] + '.npz')['audio']\n"
        "    audio = audio.reshape(len(audio), 43844, 1).astype('f4') / 32767\n"
        "    for row in audio[:20]:\n"
        "        yield {'input_2': row[None]}, None\n"
    )
    table, parity = judged(
        tmp_path,
        models,
        model=model,
        metric="notes",
        recipe="{method: static, calibrate_method: percentile}",
        calib='callable: "data.py:rows"',
        test='callable: "data.py:rows"',
    )
    assert parity < 1e-4
    assert table[0]["accuracy"]["value"] == 1


@pytest.mark.long
def test_a_frozen_detector(models, tmp_path):
    photographs = np.load(models / "ultraface" / "calib_small.npz")
    (images,) = (photographs[name] for name in photographs.files if photographs[name].ndim == 4)
    large = images[:12].repeat(2, 1).repeat(2, 2)
    padded = np.zeros((len(large), 512, 512, 3), "f4")
    padded[:, : min(512, large.shape[1]), : min(512, large.shape[2])] = large[:, :512, :512]
    np.savez(tmp_path / "rows.npz", **{"tower_0/images": padded})
    np.savez(tmp_path / "more.npz", **{"tower_0/images": padded[:, :, ::-1]})
    table, parity = judged(
        tmp_path,
        models,
        model="{graph: MODELS/frozen-pb/centernet.pb}",
        metric="detections",
        calib="path: rows.npz",
        test="path: more.npz",
    )
    assert parity < 1e-4
    assert table[0]["accuracy"]["value"] == 1


@pytest.mark.parametrize("name", ["checkpoint", "saved_model", "hdf5", "tflite", "centernet", "cutkum"])
def test_the_baseline_gives_what_the_framework_gives(models, tmp_path, name):
    from inc_mlflow.registry.sources import SOURCES
    from tests.support.tensorflow_graphs import parity

    random = np.random.default_rng(0)
    image = {"tower_0/images": random.uniform(0, 255, (1, 64, 64, 3)).repeat(8, 1).repeat(8, 2).astype("f4")}
    audio = {"input_2": random.normal(0, 0.1, (2, 43844, 1)).astype("f4")}
    text = {
        "placeholder/inputs": np.eye(80, dtype="f4")[random.integers(0, 80, 30)][:, None],
        "placeholder/seq_lengths": np.array([30], "i4"),
        "placeholder/fw_state": np.zeros((1, 1, 896), "f4"),
    }
    face = {"input_1": np.load(models / "fer-h5" / "tune.npz")["x"][:4]}
    mel = {"model/Placeholder": np.load(models / "musicnn-ckpt" / "tune.npz")["mel"][:4].astype("f4")}
    cases = {
        "checkpoint": ({"checkpoint": "musicnn-ckpt/MTT_vgg", "outputs": ["model/Sigmoid"]}, mel),
        "saved_model": ({"saved_model": "basic-pitch/savedmodel"}, audio),
        "hdf5": ({"keras": "fer-h5/emotion_model.hdf5"}, face),
        "tflite": ({"tflite": "basic-pitch/nmp.tflite"}, audio),
        "centernet": (
            {"graph": "frozen-pb/centernet.pb", "outputs": ["tower_0/wh", "tower_0/keypoints"]},
            image,
        ),
        "cutkum": ({"graph": "frozen-pb/cutkum.pb"}, text),
    }
    given, inputs = cases[name]
    kind = next(iter(given))
    opened = SOURCES.get(kind).open(SOURCES.options(kind).model_validate(given), models)
    assert max(parity(opened, inputs, tmp_path).values()) < 1e-4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("deepcut-weights-only.h5", "architecture: model.py:build"),
        ("lambda.h5", "allow_lambda: [lambda]"),
        ("lambda.keras", "allow_lambda: [lambda]"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_what_to_do(models, tmp_path, call, name, said):
    code, _, err = call("import", models / "refused" / name, "-o", tmp_path / "baseline")
    lines = [line for line in err.splitlines() if line]
    assert code == 2
    assert said in lines[-1]
    assert "Traceback" not in err
