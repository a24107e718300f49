"""A small encoder and decoder of letters, and a job whose model they are: greedy decoding, row by row.

The encoder sums what each letter is; the decoder adds the token before, and gives the next. Weights are drawn,
and the labels are what the FP32 parts say: so rows have a right answer, and decoding stops by itself.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.spec import Job, JobSpec

LETTERS, TOKENS, WIDTH, LENGTH, STEPS = 40, 8, 64, 6, 5
ROWS = {"calibration": 24, "tuning": 40, "validation": 120}
RUN = f'''"""Greedy decoding."""

import numpy as np
from rules import STOP


def translate(parts, inputs):
    found = np.zeros((len(inputs["letters"]), {STEPS}), np.int64)
    for row, letters in enumerate(inputs["letters"]):
        state = parts["encoder"]({{"letters": letters[letters > 0][None]}})["state"]
        token = np.array([0])
        for step in range({STEPS}):
            out = parts["decoder"]({{"token": token, "state": state}})
            token, state = out["logits"].argmax(axis=1), out["next"]
            if token[0] == STOP:
                break
            found[row, step] = token[0]
    return {{"tokens": found}}
'''
METRIC = """def same(outputs, labels, reference):
    return (outputs["tokens"] == labels).mean(axis=1)
"""


def write_job(folder: Path, **changes: Any) -> Path:
    """Write parts, code, rows and job into a folder; return the path of the job."""
    folder.mkdir(exist_ok=True)
    for name, graph in (("encoder", _encoder()), ("decoder", _decoder())):
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, folder / f"{name}.onnx")
    (folder / "run.py").write_text(RUN)
    (folder / "rules.py").write_text(f"STOP = {TOKENS - 1}\n")
    (folder / "metric.py").write_text(METRIC)
    (folder / "job.yaml").write_text(yaml.safe_dump(job_data() | changes, sort_keys=False))
    random = np.random.default_rng(5)
    for name, count in ROWS.items():
        letters = random.integers(1, LETTERS, (count, LENGTH))
        letters[np.arange(LENGTH) >= random.integers(4, LENGTH + 1, (count, 1))] = 0
        np.savez(folder / f"{name}.npz", letters=letters, tokens=np.zeros((count, STEPS), np.int64))
    job = Job.load(folder / "job.yaml")
    for name in ROWS:
        _label(job, folder / f"{name}.npz")
    return folder / "job.yaml"


def job_data() -> dict[str, Any]:
    """Return the job as plain data."""
    return {
        "version": 1,
        "name": "translator",
        "model": {
            "parts": {"encoder": "encoder.onnx", "decoder": "decoder.onnx"},
            "pipeline": "run.py:translate",
            "outputs": ["tokens"],
        },
        "data": {name: {"path": f"{name}.npz", "label": "tokens"} for name in ROWS},
        "metric": {"callable": "metric.py:same", "range": [0, 1]},
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
