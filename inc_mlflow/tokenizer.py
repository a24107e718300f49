"""Reading a Hugging Face tokenizer.json: texts into tokens for the data, tokens into texts for metrics."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, reason

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PANIC = "PanicException"
"""Class name of a panic in Rust; the class cannot be imported, and is not an Exception."""
_STDERR = 2
_one_at_a_time = threading.RLock()


def read_tokenizer(path: Path, where: str) -> "Tokenizer":
    """Open the file; raises DataError, which begins with ``where``, the job field that names the file."""
    from tokenizers import Tokenizer

    if not path.is_file():
        raise DataError(f"{where}: no file {path}; give a tokenizer.json")
    with tokenizing(path, where):
        return Tokenizer.from_file(str(path))


@contextmanager
def tokenizing(path: Path, where: str) -> Iterator[None]:
    """Turn what the library raises over a file into one DataError that names the file.

    Some faults of a tokenizer.json show only when a text needs the faulty part.
    """
    try:
        with _held_back():
            yield
    except BaseException as error:
        if (
            type(error) is not Exception and type(error).__name__ != _PANIC
        ):  # the library raises nothing narrower
            raise
        raise DataError(f"{where}: {path} is no tokenizer.json ({reason(error)})") from error


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold back standard error, and drop it where something is raised, since a panic prints pages."""
    with _one_at_a_time, tempfile.TemporaryFile() as held:
        own = os.dup(_STDERR)
        try:
            os.dup2(held.fileno(), _STDERR)
            try:
                yield
            finally:
                os.dup2(own, _STDERR)
            held.seek(0)
            os.write(own, held.read())
        finally:
            os.close(own)
