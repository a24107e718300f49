"""Evidence that was made up, sealed as if it had been measured, and a candidate that deserves it."""

import numpy as np

from inc_mlflow.files import model_sha256
from inc_mlflow.measure.gate.measurements import OUTCOMES
from inc_mlflow.records import BASELINE, EvaluationRecord
from inc_mlflow.records.measurements import CONSTANT
from inc_mlflow.records.sealed_arrays import load_raw, save_raw


def damaged(candidate, folder):
    """Forget the weights of the largest layer."""
    import onnx

    file = folder / candidate.path
    model = onnx.load(file)
    weights = [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8]
    largest = max(weights, key=lambda one: len(one.raw_data))
    largest.raw_data = bytes(len(largest.raw_data))
    onnx.save(model, file)
    return candidate.model_copy(update={"sha256": model_sha256(file)})


def forged(measured, folder, change):
    """Write an evaluation whose outcomes are changed, sealed as if they had been measured.

    ``change`` gets them by label.
    """
    record = EvaluationRecord.load(measured / "evaluation")
    arrays = load_raw(measured / "evaluation" / OUTCOMES, record, record.outcomes_sha256)
    change(arrays)
    values = {
        label: one.model_copy(update={"value": float(arrays[label].mean())})
        for label, one in record.results.items()
    }
    constant = float(arrays[CONSTANT].mean()) if CONSTANT in arrays else None
    record = record.model_copy(update={"results": values, "constant_score": constant})
    folder.mkdir()
    digest = save_raw(folder / OUTCOMES, record, arrays)
    record.model_copy(update={"outcomes_sha256": digest}).save(folder)
    return folder


def copied(label):
    return lambda arrays: arrays.update({label: arrays[BASELINE].copy()})


def claiming(right, label):
    """Claim that a model is right, or wrong, on the first three rows where it is not."""

    def change(arrays):
        arrays[label] = arrays[label].copy()
        arrays[label][np.flatnonzero(arrays[label] != right)[:3]] = right

    return change
