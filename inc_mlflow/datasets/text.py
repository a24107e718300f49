"""Text tables: .tsv or .csv with a header, tokenised with a Hugging Face tokenizer.json."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from inc_mlflow.datasets.source import Batch, Source
from inc_mlflow.errors import DataError
from inc_mlflow.files import check_regular, listed
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec import FileSplit, TextTransform
from inc_mlflow.tokenizer import read_tokenizer, tokenizing

ENCODINGS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""Name of an encoding in a job -> attribute of the tokenizer's result."""


def read(split: FileSplit, root: Path, where: str, inputs: tuple[TensorSpec, ...]) -> Source:
    """Open a table; a row is tokenised when it is read, labels are numbers or else texts.

    Raises DataError where a column is missing, a row has no label, or the tokenizer cannot be read.
    """
    table, transform = _table(root / split.path, where), split.options(TextTransform)
    columns = transform.columns or (_first_text_column(table, split.label, where),)
    texts = [tuple(_column(row, name, where) for name in columns) for row in table]
    labels = _labels([row[split.label] for row in table], where) if split.label in table[0] else None
    # By its default name the column may be missing: a metric that reads labels says that there are none.
    if labels is None and split.label != FileSplit.model_fields["label"].default:
        raise DataError(f"{where}.label: no column {split.label!r}; the table has {listed(table[0])}")
    file, field = _tokenizer_file(transform, root, where)
    tokenizer = read_tokenizer(file, field)
    with tokenizing(file, field):
        _set_length(tokenizer, transform, where)
    length = transform.max_length or 0
    kinds = {spec.name: _encoding(split.inputs.get(spec.name, spec.name), where) for spec in inputs}

    def rows_at(positions: Sequence[int]) -> Batch:
        with tokenizing(file, field):
            encoded = tokenizer.encode_batch([_pair(texts[position]) for position in positions])
        arrays = {name: _stack(encoded, kind, length, f"{field}: {file}") for name, kind in kinds.items()}
        return arrays, None if labels is None else labels[np.asarray(positions)]

    return Source(len(texts), rows_at, lambda name: np.array([_group(row, name) for row in table]))


class _Tsv(csv.excel_tab):
    """GLUE's .tsv files hold bare quotes: there a quote is text."""

    quoting = csv.QUOTE_NONE


def _table(path: Path, where: str) -> list[dict[str, str]]:
    check_regular(path, where, "a .tsv or .csv with a header")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, dialect=_Tsv if path.suffix == ".tsv" else csv.excel))
    except OSError as error:
        raise DataError(
            f"{where}: {path} cannot be read ({error.strerror}); give a .tsv or .csv with a header"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{where}: {path} is no UTF-8 table ({error}); give a .tsv or .csv with a header"
        ) from error
    if not rows:
        raise DataError(f"{where}: {path} has no rows below its header")
    return rows


def _column(row: dict[str, str], name: str, where: str) -> str:
    value = row.get(name)
    if value is None:
        raise DataError(f"{where}.transform.columns: no text in column {name!r}; the table has {listed(row)}")
    return value


def _group(row: dict[str, str], name: str) -> str:
    value = row.get(name)
    if value is None:
        raise DataError(
            f"data.group: a row has nothing in column {name!r}; the table has {', '.join(map(str, row))}"
        )
    return value


def _first_text_column(table: list[dict[str, str]], label: str, where: str) -> str:
    name = next((column for column in table[0] if column != label), None)
    if name is None:
        raise DataError(
            f"{where}: the table has no column beside {label!r}; "
            "name the text with transform: {columns: […]}"
        )
    return name


def _labels(values: list[str | None], where: str) -> np.ndarray:
    """Whole numbers where all are, else numbers where all are, else texts."""
    given = [value for value in values if value is not None]
    if len(given) < len(values):
        raise DataError(f"{where}: row {values.index(None) + 1} has no label; give every row one")
    try:
        return _numbers(given)
    except (ValueError, OverflowError):  # OverflowError: an identifier of more digits than int64 holds
        return np.array(given)


def _numbers(texts: list[str]) -> np.ndarray:
    try:
        return np.array([int(text) for text in texts], np.int64)
    except ValueError:
        return np.array([float(text) for text in texts])


def _tokenizer_file(transform: TextTransform, root: Path, where: str) -> tuple[Path, str]:
    """Return the file and the job field that names it."""
    if transform.tokenizer is None or transform.max_length is None:
        raise DataError(f"{where}: text needs transform: {{tokenizer: tokenizer.json, max_length: 128}}")
    return root / transform.tokenizer, f"{where}.transform.tokenizer"


def _set_length(tokenizer: Tokenizer, transform: TextTransform, where: str) -> None:
    """Set the length that rows are cut and padded to; raises DataError where it leaves no room for text."""
    length, columns = transform.max_length or 0, transform.columns or ()
    special = tokenizer.num_special_tokens_to_add(is_pair=len(columns) == 2)
    if length <= special:
        raise DataError(
            f"{where}.transform.max_length: {length} leaves no room beside {special} special tokens"
        )
    padding = tokenizer.padding or {}
    tokenizer.enable_truncation(length)
    padding.pop("length", None)
    padding.pop("pad_to_multiple_of", None)
    tokenizer.enable_padding(**(padding | {"length": length}))


def _encoding(name: str, where: str) -> str:
    if name not in ENCODINGS:
        raise DataError(
            f"{where}.inputs: no encoding {name!r}{did_you_mean(name, list(ENCODINGS))}; "
            f"a tokenizer gives {', '.join(ENCODINGS)}"
        )
    return ENCODINGS[name]


def _pair(texts: tuple[str, ...]) -> str | tuple[str, ...]:
    return texts[0] if len(texts) == 1 else texts


def _stack(encoded: list[Encoding], kind: str, length: int, what: str) -> np.ndarray:
    rows = [getattr(row, kind) for row in encoded]
    if {len(row) for row in rows} - {length}:
        raise DataError(
            f"{what} gives rows of other lengths than max_length ({length}); save it from the library again"
        )
    return np.array(rows, np.int64)
