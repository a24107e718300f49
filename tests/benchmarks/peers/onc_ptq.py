"""Write an INT8 model by onnx-neural-compressor with its defaults.

``python onc_ptq.py NAME MODEL ROWS.npz OUT.onnx``, with an interpreter that has onnx-neural-compressor; NAME
is one below.
"""

import sys

import numpy as np
from onnx_neural_compressor import data_reader
from onnx_neural_compressor.quantization import config, quantize


class Rows(data_reader.CalibrationDataReader):
    """The rows of an .npz, one at a time, again and again."""

    def __init__(self, path):
        with np.load(path) as archive:
            self._arrays = dict(archive)
        self.rewind()

    def get_next(self):
        """Return the next row or None."""
        return next(self._rows, None)

    def rewind(self):
        """Begin again."""
        count = len(next(iter(self._arrays.values())))
        self._rows = (
            {name: array[row : row + 1] for name, array in self._arrays.items()} for row in range(count)
        )


MAKERS = {
    "static": lambda rows: config.StaticQuantConfig(calibration_data_reader=Rows(rows)),
    "dynamic": lambda _: config.DynamicQuantConfig(),
}

if __name__ == "__main__":
    name, model, rows, out = sys.argv[1:]
    quantize(model, out, MAKERS[name](rows))
