"""Write an INT8 model by nncf: with its defaults, or for transformers as it recommends.

``python nncf_ptq.py NAME MODEL ROWS.npz OUT.onnx``, with an interpreter that has nncf and onnx; NAME is one
below.
"""

import sys

import nncf
import numpy as np
import onnx

OPTIONS = {"default": {}, "transformer": {"model_type": nncf.ModelType.TRANSFORMER}}

if __name__ == "__main__":
    name, model, rows, out = sys.argv[1:]
    with np.load(rows) as archive:
        arrays = dict(archive)
    count = len(next(iter(arrays.values())))
    data = nncf.Dataset(
        [{key: array[row : row + 1] for key, array in arrays.items()} for row in range(count)]
    )
    onnx.save(nncf.quantize(onnx.load(model), data, subset_size=count, **OPTIONS[name]), out)
