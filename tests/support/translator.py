"""A small encoder and decoder of letters, and a job whose model they are: greedy decoding, row by row.

The encoder sums what each letter is; the decoder adds the token before, and gives the next. Weights are drawn,
and the labels are what the FP32 parts say: so rows have a right answer, and decoding stops by itself.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.spec import Job, JobSpec
from tests.support.greedy_decoding import decoder_job, decoding, score, write_files

LETTERS, TOKENS, WIDTH, LENGTH, STEPS = 40, 8, 64, 6, 5
ROWS = {"calibration": 24, "tuning": 40, "validation": 120}
RUN = decoding("translate", "tokens", 0, STEPS)


def write_job(folder: Path, **changes: Any) -> Path:
    """Write parts, code, rows and job into a folder; return the path of the job."""
    code = {"run.py": RUN, "rules.py": f"STOP = {TOKENS - 1}\n", "metric.py": score("tokens", "mean")}
    graphs = {"encoder": _encoder(), "decoder": _decoder()}
    path = write_files(folder, graphs, 17, code, job_data() | changes)
    random = np.random.default_rng(5)
    for name, count in ROWS.items():
        letters = random.integers(1, LETTERS, (count, LENGTH))
        letters[np.arange(LENGTH) >= random.integers(4, LENGTH + 1, (count, 1))] = 0
        np.savez(folder / f"{name}.npz", letters=letters, tokens=np.zeros((count, STEPS), np.int64))
    for name in ROWS:
        _label(Job.load(path), folder / f"{name}.npz")
    return path


def job_data() -> dict[str, Any]:
    """Return the job as plain data."""
    return decoder_job("translator", "translate", "tokens", ROWS) | {
        "recipes": [{"method": "dynamic"}, {"method": "static", "parts": ["decoder"]}],
        "gate": {"max_relative_drop": 0.3, "min_speedup": 0.01},
    }


def job_spec(**changes: Any) -> JobSpec:
    """Return the job with other fields; nothing is written."""
    return JobSpec.model_validate(job_data() | changes)


def _label(job: Job, file: Path) -> None:
    """Write what the FP32 parts say as labels."""
    from inc_mlflow.engines.engine import RunSettings
    from inc_mlflow.engines.parts.engine import ENGINE

    with np.load(file) as archive:
        letters = archive["letters"]
    tokens = ENGINE.load(job.model, RunSettings())({"letters": letters})["tokens"]
    np.savez(file, letters=letters, tokens=tokens)


def _encoder() -> onnx.GraphProto:
    """Letters (batch, n) -> state (batch, WIDTH): no operator that is compressed."""
    random = np.random.default_rng(1)
    nodes = [
        helper.make_node("Gather", ["table", "letters"], ["each"], "embed"),
        helper.make_node("ReduceMean", ["each"], ["state"], "mean", axes=[1], keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("letters", TensorProto.INT64, ["batch", "length"])]
    outputs = [helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", WIDTH])]
    weights = [_weights("table", 3 * random.normal(size=(LETTERS, WIDTH)))]
    return helper.make_graph(nodes, "encoder", inputs, outputs, weights)


def _decoder() -> onnx.GraphProto:
    """Token (batch,) and state (batch, WIDTH) -> logits (batch, TOKENS) and the next state."""
    random = np.random.default_rng(2)
    nodes = [
        helper.make_node("Gather", ["table", "token"], ["x"], "embed"),
        helper.make_node("Add", ["x", "state"], ["sum"], "sum"),
        helper.make_node("MatMul", ["sum", "hidden"], ["h"], "hidden_product"),
        helper.make_node("Tanh", ["h"], ["next"], "tanh"),
        helper.make_node("MatMul", ["next", "out"], ["logits"], "out_product"),
    ]
    inputs = [
        helper.make_tensor_value_info("token", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", WIDTH]),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", TOKENS]),
        helper.make_tensor_value_info("next", TensorProto.FLOAT, ["batch", WIDTH]),
    ]
    weights = [
        _weights("table", random.normal(size=(TOKENS, WIDTH))),
        _weights("hidden", random.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)),
        _weights("out", random.normal(size=(WIDTH, TOKENS))),
    ]
    return helper.make_graph(nodes, "decoder", inputs, outputs, weights)


def _weights(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)
