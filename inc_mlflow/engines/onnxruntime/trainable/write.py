"""Write trained values into the nodes of a candidate: its structure, and so its kernels, stay the same."""

from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.initializers import replace, take_in
from inc_mlflow.engines.onnxruntime.trainable.roundings import Roundings
from inc_mlflow.engines.trainable import TrainedValues
from inc_mlflow.files import external_data


def write_trained(candidate: Path, trained: TrainedValues, target: Path) -> None:
    """Write the candidate with other integers and scales; biases get the scales of their layers."""
    model = onnx.load(candidate)
    take_in(model, candidate.parent)
    roundings = Roundings(model, candidate.parent)
    new: dict[str, np.ndarray] = {}
    for name, step in trained.scales.items():
        new[name] = np.asarray(step)
    for name, (integers, steps) in trained.weights.items():
        stored = roundings.weights[name]
        new |= {stored.integers: integers, stored.steps: steps}
    for name, bias in trained.biases.items():
        place = roundings.biases[name]
        steps = np.float32(trained.scales[place.scale]) * trained.weights[place.weight][1].reshape(-1)
        limits = np.iinfo(np.int32)
        rounded = np.rint(bias.astype(np.float64) / steps)
        new |= {place.integers: np.clip(rounded, limits.min, limits.max), place.steps: np.asarray(steps)}
    for name, array in new.items():
        old = roundings.array(name)
        replace(roundings.tensors[name], np.asarray(array).astype(old.dtype).reshape(old.shape))
    whole = external_data(candidate).exists()
    onnx.save(
        model, target, save_as_external_data=whole, location=external_data(target).name if whole else None
    )
