"""Raw measurements beside their record, each bound to the other: the record has the file's digest, the file its seal."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.records import Record
from inc_mlflow.storage import sha256_file

_SEAL, _NAMES = "seal", "names"


def save_raw(path: Path, record: Record, arrays: Mapping[str, np.ndarray]) -> str:
    """Write arrays with their names and the record's seal; return the digest that the record shall carry."""
    numbered = {str(index): array for index, array in enumerate(arrays.values())}  # labels hold what file names may not
    bound = {_SEAL: np.array(record.seal()), _NAMES: np.array(list(arrays), dtype=np.str_)}
    with path.open("wb") as file:
        np.savez_compressed(file, **bound, **numbered)  # type: ignore[arg-type]  # the stub takes **kwds for allow_pickle
    return sha256_file(path)


def load_raw(path: Path, record: Record, digest: str) -> dict[str, np.ndarray]:
    """Read arrays by name, as they were when the record was made; DataError where file or record changed since."""
    if not path.is_file() or sha256_file(path) != digest:
        raise DataError(f"{path}: missing, or changed since it was measured; measure again")
    with np.load(path, allow_pickle=False) as archive:
        if str(archive[_SEAL]) != record.seal():
            raise DataError(f"{path.parent}: the record changed since it was measured; measure again")
        return {str(name): archive[str(index)] for index, name in enumerate(archive[_NAMES])}
