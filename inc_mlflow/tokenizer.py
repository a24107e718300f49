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
"""What a panic of Rust arrives as; its class cannot be imported, and is no Exception."""
_STDERR = 2
_one_at_a_time = threading.RLock()


def read_tokenizer(path: Path, where: str) -> "Tokenizer":
    """Open the file; DataError begins with ``where``, the job field that names it."""
    from tokenizers import Tokenizer

    if not path.is_file():
        raise DataError(f"{where}: no file {path}; give a tokenizer.json")
    with tokenizing(path, where):
        return Tokenizer.from_file(str(path))


@contextmanager
def tokenizing(path: Path, where: str) -> Iterator[None]:
    """Say of what the library raises, while it reads or uses the file, that the file is at fault, in one line.

    What does not fit together in a tokenizer.json is found late, when a text comes that needs it.
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
    """Keep what is written to standard error meanwhile, and drop it where something is raised: a panic prints pages."""
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
