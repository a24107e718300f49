"""Candidates of ONNX Runtime's methods, made without a job."""

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.registry.methods import METHODS


def compress(baseline, recipe, data, target):
    """Write the candidate of a recipe."""
    METHODS.get(f"{recipe.engine}.{recipe.method}").apply(baseline, recipe, data, target)


def quantize(baseline, ranges, recipe, target):
    """Write the candidate of a recipe that needs no calibration rows but their ranges."""
    compress(baseline, recipe, MethodData(lambda: iter(()), ranges, threads=1), target)
