"""Write an INT8 model by Olive with the defaults of its passes.

``python olive_ptq.py NAME MODEL ROWS.npz OUT.onnx``, with an interpreter that has olive-ai, torch and
requests; NAME is one below.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from olive.data.registry import Registry
from olive.workflows import run

PASSES = {"static": "OnnxStaticQuantization", "dynamic": "OnnxDynamicQuantization"}


@Registry.register_dataset()
def rows_of_npz(data_dir, path, **_):
    """Return the rows for Olive's data loader: inputs by name without the batch axis, and a label."""
    with np.load(path) as archive:
        arrays = dict(archive)
    return [
        ({name: array[row] for name, array in arrays.items()}, 0)
        for row in range(len(next(iter(arrays.values()))))
    ]


def config(name, model, rows, out):
    """Return the workflow: one pass, on the CPU."""
    one_pass = {"type": PASSES[name]} | ({"data_config": "rows"} if name == "static" else {})
    return {
        "input_model": {"type": "ONNXModel", "model_path": model},
        "data_configs": [
            {
                "name": "rows",
                "type": "DataContainer",
                "load_dataset_config": {"type": "rows_of_npz", "params": {"path": rows}},
                "pre_process_data_config": {"type": "skip_pre_process"},
                "post_process_data_config": {"type": "skip_post_process"},
                "dataloader_config": {"type": "default_dataloader", "params": {"batch_size": 1}},
            }
        ],
        "passes": {"quantize": one_pass},
        "output_dir": out,
        "cache_dir": f"{out}/cache",
    }


if __name__ == "__main__":
    name, model, rows, out = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        run(config(name, model, rows, folder))
        shutil.copy(Path(folder) / "model.onnx", out)
