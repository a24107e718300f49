"""Reading a Hugging Face tokenizer.json: texts into tokens for the data, tokens into texts for metrics."""

from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def read_tokenizer(path: Path, where: str) -> "Tokenizer":
    """Open the file; DataError begins with ``where``, the job field that names it."""
    from tokenizers import Tokenizer

    if not path.is_file():
        raise DataError(f"{where}: no file {path}; give a tokenizer.json")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        if type(error) is not Exception:  # for a file it cannot read the library raises the bare class, nothing narrower
            raise
        raise DataError(f"{where}: {path} is no tokenizer.json ({error})") from error
