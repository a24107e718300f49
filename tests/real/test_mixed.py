"""Every unit of a real model that a mixed recipe has in INT8 runs in an integer kernel."""

from pathlib import Path

import numpy as np
import pytest

from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment
from tests.support.mixed_models import Imported

pytestmark = [pytest.mark.real, pytest.mark.slow]


def images(path, name, count):
    """Pixels as a model with inputs between -1 and 1 takes them."""
    pixels = np.load(path)
    values = pixels[pixels.files[0] if "x" not in pixels.files else "x"][:count]
    floats = ((values.astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2)
    return [{name: floats[row : row + 1]} for row in range(count)]


def tokens(path, count):
    arrays = np.load(path)
    return [
        {name: arrays[name][row : row + 1] for name in ("input_ids", "attention_mask")}
        for row in range(count)
    ]


CASES = {
    "digits/fp32.onnx": lambda folder: [
        {"image": np.load(folder / "calib.npz")["image"][row : row + 1]} for row in range(8)
    ],
    "ultraface/version-RFB-320.onnx": lambda folder: images(folder / "calib_small.npz", "input", 8),
    "text-direction/fp32.onnx": lambda folder: images(folder / "calib.npz", "x", 8),
    "sst2-minilm/fp32.onnx": lambda folder: tokens(folder / "train1k.npz", 8),
}


@pytest.mark.parametrize("name", CASES)
def test_every_unit_in_int8_runs_in_an_integer_kernel(models, name, tmp_path):
    import onnx

    path = Path(models) / name
    imported = Imported.of(onnx.load(path), CASES[name](path.parent), tmp_path)
    able = [unit.name for unit in imported.source.able()]
    generator = np.random.default_rng(0)
    for share in (1.0, 0.5):
        chosen = frozenset(one for one in able if generator.random() < share)
        assert chosen
        written = imported.write(Assignment(chosen))
        assert written.floats() == []
        assert max(written.errors().values()) < 0.2
