"""Jobs whose model is an encoder and a decoder of letters, and the function that decodes greedily, row by row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import yaml
from onnx import helper


def decoding(function: str, output: str, start: int, longest: int) -> str:
    """Return the code of ``run.py``; the token that ends a row is STOP in ``rules.py`` beside it."""
    return f'''"""Greedy decoding."""

import numpy as np
from rules import STOP


def {function}(parts, inputs):
    found = np.zeros((len(inputs["letters"]), {longest}), np.int64)
    for row, letters in enumerate(inputs["letters"]):
        state = parts["encoder"]({{"letters": letters[letters > 0][None]}})["state"]
        token = np.array([{start}])
        for step in range({longest}):
            out = parts["decoder"]({{"token": token, "state": state}})
            token, state = out["logits"].argmax(axis=1), out["next"]
            if token[0] == STOP:
                break
            found[row, step] = token[0]
    return {{"{output}": found}}
'''


def score(output: str, of_a_row: str) -> str:
    """Return the code of ``metric.py``; ``of_a_row`` is a method that makes a number of which tokens are right."""
    return f"""def same(outputs, labels, reference):
    return (outputs["{output}"] == labels).{of_a_row}(axis=1).astype(float)
"""


def decoder_job(name: str, function: str, output: str, splits: Mapping[str, int]) -> dict[str, Any]:
    """Return the job as plain data, without recipes; each split is a file of its name."""
    return {
        "version": 1,
        "name": name,
        "model": {
            "parts": {"encoder": "encoder.onnx", "decoder": "decoder.onnx"},
            "pipeline": f"run.py:{function}",
            "outputs": [output],
        },
        "data": {split: {"path": f"{split}.npz", "label": output} for split in splits},
        "metric": {"callable": "metric.py:same", "range": [0, 1]},
    }


def write_files(
    folder: Path,
    graphs: Mapping[str, onnx.GraphProto],
    opset: int,
    code: Mapping[str, str],
    job: Mapping[str, Any],
) -> Path:
    """Write the graphs, the code by its files' names, and the job; return the path of the job."""
    folder.mkdir(exist_ok=True)
    for name, graph in graphs.items():
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.save(model, folder / f"{name}.onnx")
    for name, text in code.items():
        (folder / name).write_text(text)
    (folder / "job.yaml").write_text(yaml.safe_dump(dict(job), sort_keys=False))
    return folder / "job.yaml"
