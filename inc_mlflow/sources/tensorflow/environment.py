"""How TensorFlow is told to be quiet, to leave the GPU alone, and to be Keras's backend."""

import logging
import os
import warnings

SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
}


def prepare_tensorflow() -> None:
    """Set this process up, before TensorFlow is imported."""
    os.environ.update(SETTINGS)
    warnings.simplefilter("ignore")  # its own use of what it has deprecated itself
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
