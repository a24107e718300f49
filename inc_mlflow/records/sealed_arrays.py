"""Raw measurements beside their record: the record has their digest, and they have its seal."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import numpy as np

from inc_mlflow.archive import read_head
from inc_mlflow.errors import DataError
from inc_mlflow.files import sha256_file
from inc_mlflow.records import Record

_SEAL, _NAMES = "seal", "names"
_UNREADABLE = (
    *(OSError, EOFError, ArithmeticError, LookupError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(BadZipFile, TokenError, zlib.error),
)
"""What zipfile, zlib and NumPy raise for bytes that ``save_raw`` did not write."""


def save_raw(path: Path, record: Record, arrays: Mapping[str, np.ndarray]) -> str:
    """Write arrays with their names and the record's seal; return the digest to put into the record."""
    # File names may not have all characters that labels have.
    numbered = {str(index): array for index, array in enumerate(arrays.values())}
    bound = {_SEAL: np.array(record.seal()), _NAMES: np.array(list(arrays), dtype=np.str_)}
    with path.open("wb") as file:
        np.savez_compressed(file, **bound, **numbered)  # type: ignore[arg-type]  # the stub takes **kwds for allow_pickle
    return sha256_file(path)


def load_raw(path: Path, record: Record, digest: str) -> dict[str, np.ndarray]:
    """Read arrays by name; raise DataError where file or record changed since they were written."""
    if not path.is_file() or sha256_file(path) != digest:
        raise DataError(f"{path}: missing, or changed since it was measured; measure again")
    try:
        seal, arrays = _read(path)
    except _UNREADABLE as error:
        raise _foreign(path) from error
    if seal != record.seal():
        raise DataError(f"{path.parent}: the record changed since it was measured; measure again")
    return arrays


def unpacked_bytes(path: Path) -> int:
    """Return the bytes of memory that the arrays take; raise DataError where the file is no such archive."""
    try:
        with ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except _UNREADABLE as error:
        raise _foreign(path) from error


def _read(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """Return the seal and the arrays by name."""
    with ZipFile(path) as file:
        seal, names = (_array(file, name) for name in (_SEAL, _NAMES))
        return str(seal), {str(name): _array(file, str(index)) for index, name in enumerate(names)}


def _array(file: ZipFile, name: str) -> np.ndarray:
    """Read one array; ``np.load`` would also accept other objects and other compression methods."""
    info = file.getinfo(f"{name}.npy")
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError(info.compress_type)
    with file.open(info) as member:
        read_head(member, info)  # checks sizes before memory is allocated
    with file.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _foreign(path: Path) -> DataError:
    return DataError(f"{path}: missing, or not what inc-mlflow writes; measure again")
