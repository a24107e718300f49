"""From baseline to candidate: what a recipe asks for before, while and after the quantiser writes the file."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.analysis.saturation import ROWS, first_rows, predict, saturating_weights
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.methods.bias_correction import correct_biases
from inc_mlflow.engines.onnxruntime.methods.equalize import equalize
from inc_mlflow.engines.onnxruntime.methods.quantizer import quantize
from inc_mlflow.engines.onnxruntime.methods.smooth_quant import smooth
from inc_mlflow.errors import ModelError
from inc_mlflow.files import MODEL
from inc_mlflow.spec import Dynamic, Static, label


@dataclass(frozen=True)
class Calibration:
    """What is known of the activations: ``rows`` starts a new pass over the calibration batches at each call."""

    rows: Callable[[], Iterable[Arrays]]
    ranges: Ranges | None
    """Of the baseline; None where no recipe needs them."""
    threads: int


def compress(baseline: Path, recipe: Static | Dynamic, calibration: Calibration, target: Path) -> None:
    """Write the candidate of ``recipe``; the same inputs give the same bytes.

    Raises ModelError where the model has nothing that one of the recipe's methods could change.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        model, ranges = _balanced(baseline, recipe, calibration, Path(scratch))
        narrow = _saturating(model, ranges, recipe, calibration, target.parent)
        quantize(model, ranges, recipe, target, narrow)
        if isinstance(recipe, Static) and recipe.bias_correction:
            corrected = correct_biases(model, target, calibration.rows(), calibration.threads)
            _check_used(corrected, recipe, "bias_correction", "quantised layer with a bias")


def _balanced(
    baseline: Path, recipe: Static | Dynamic, calibration: Calibration, folder: Path
) -> tuple[Path, Ranges | None]:
    """Return what to quantise and its ranges: a model equal to the baseline but easier to round, if the recipe says so."""
    if isinstance(recipe, Dynamic) or not (recipe.cross_layer_equalization or recipe.smooth_quant):
        return baseline, calibration.ranges
    model = baseline
    if recipe.cross_layer_equalization:
        model = _inside(folder / "equalized")
        joints = equalize(baseline, model)
        _check_used(
            joints, recipe, "cross_layer_equalization", "pair of layers with at most a Relu between them"
        )
    if recipe.smooth_quant:
        source, model = model, _inside(folder / "smoothed")
        joints = smooth(source, calibration.rows(), recipe.smooth_quant, model, calibration.threads)
        _check_used(joints, recipe, "smooth_quant", "linear layer behind a normalisation or scale of its own")
    histograms = recipe.calibrate_method != "minmax"
    return model, collect(model, calibration.rows(), calibration.threads, histograms=histograms)


def _inside(folder: Path) -> Path:
    folder.mkdir()
    return folder / MODEL


def _check_used(count: int, recipe: Static, option: str, needed: str) -> None:
    """A candidate that an option did not touch would be another recipe than asked for."""
    if not count:
        raise ModelError(
            f"recipe {label(recipe)!r}: {option}: this model has no {needed}; leave the option out"
        )


def _saturating(
    baseline: Path, ranges: Ranges | None, recipe: Static | Dynamic, calibration: Calibration, folder: Path
) -> frozenset[str]:
    """Name the weights that need 7 bits: of layers that saturate on calibration rows.

    None unless the recipe asks for it.
    """
    if recipe.reduce_range != "saturating":
        return frozenset()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        plain = Path(scratch) / MODEL
        quantize(baseline, ranges, recipe, plain)
        return saturating_weights(predict(plain, first_rows(calibration.rows(), ROWS), calibration.threads))
