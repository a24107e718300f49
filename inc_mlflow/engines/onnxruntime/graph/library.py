"""Calls of onnx's and ONNX Runtime's own code on one model, which may raise anything."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from inc_mlflow.engines.onnxruntime.runtime.session import error_text
from inc_mlflow.errors import IncError, ModelError


@contextmanager
def library_call(what: str) -> Iterator[None]:
    """Turn any exception of a library into a ModelError of one line that begins with ``what``.

    Its ``details`` are the whole text. A full disk or memory and a file that is gone are no fault of the
    model: MemoryError and OSError pass. Only the library's call may stand in this block: a bug of ours keeps
    its traceback.
    """
    try:
        yield
    except Exception as error:  # a library's own bug, as an AttributeError, concerns this model only
        if isinstance(error, IncError | MemoryError | OSError):
            raise
        raise ModelError(f"{what}: {error_text(error)}", details=traceback.format_exc()) from error
