"""Write an INT8 model by onnxruntime itself: with its defaults, or with settings that a hand picks.

``python ort_default.py NAME MODEL ROWS.npz OUT.onnx``, with an interpreter that has onnxruntime; NAME is one
below.
"""

import sys

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

STATIC = {
    "static": {},
    "u8-per-channel": {"activation_type": QuantType.QUInt8, "per_channel": True},
    "u8-matmul": {"activation_type": QuantType.QUInt8, "op_types_to_quantize": ["MatMul"]},
}
DYNAMIC = {"dynamic": {}, "dynamic-per-channel": {"per_channel": True}}


class Rows(CalibrationDataReader):
    """The rows of an .npz, one at a time."""

    def __init__(self, path):
        with np.load(path) as archive:
            arrays = dict(archive)
        count = len(next(iter(arrays.values())))
        self._rows = iter(
            [{name: array[row : row + 1] for name, array in arrays.items()} for row in range(count)]
        )

    def get_next(self):
        """Return the next row or None."""
        return next(self._rows, None)


if __name__ == "__main__":
    name, model, rows, out = sys.argv[1:]
    if name in STATIC:
        quantize_static(model, out, Rows(rows), **STATIC[name])
    else:
        quantize_dynamic(model, out, **DYNAMIC[name])
