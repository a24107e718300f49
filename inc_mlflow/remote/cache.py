"""The cache of remote files: what a machine has fetched once, for all its processes."""

import functools
import os
import tempfile
from pathlib import Path

from inc_mlflow.errors import DataError, StateError
from inc_mlflow.remote.address import Address, is_remote
from inc_mlflow.remote.stores import Store, open_store
from inc_mlflow.remote.whole import whole_folder
from inc_mlflow.storage import canonical_json, sha256_text, writable

CACHE = "INC_MLFLOW_CACHE"
"""Environment variable with the directory of the cache."""
_WEIGHTS = ("", ".data", "_data")
"""Endings beside a model's name under which exporters keep the weights that do not fit into the file."""


def cache_path() -> Path:
    """Return where the directory is, or will be once something is fetched."""
    return Path(os.environ.get(CACHE) or Path(tempfile.gettempdir()) / f"inc-mlflow-cache-{os.getuid()}")


def cache() -> Path:
    """Return the directory; StateError where what has the default name belongs to somebody else."""
    path = cache_path()
    if os.environ.get(CACHE):
        return path
    with writable(path):
        path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise StateError(f"{path}: belongs to another user, who could change models in it; set {CACHE} to a folder of yours")
    return path


def local_path(path: str, root: Path) -> Path:
    """Return the file that a job means: below ``root``, or the fetched one where it is remote."""
    return fetch(path) if is_remote(path) else root / path


@functools.cache
def fetch(uri: str) -> Path:
    """Return a copy of a remote file, with a model's weights beside it; a process sees one version of it throughout.

    DataError where there is no such file.
    """
    address = Address.parse(uri)
    store = open_store(address)
    there = {key: version.tag for key, version in store.versions(address).items() if _belongs(key, address)}
    if address.key not in there:
        raise DataError(f"{address}: no such object; upload it, or check the address")
    folder = cache() / "uris" / sha256_text(canonical_json([uri, there]))
    if not folder.is_dir():
        with whole_folder(folder) as partial:
            for key in there:
                _copy(store, Address(address.scheme, address.bucket, key), partial)
    return folder / address.name


def _belongs(key: str, address: Address) -> bool:
    return key in {address.key + ending for ending in _WEIGHTS}


def _copy(store: Store, address: Address, folder: Path) -> None:
    with store.read(address) as pieces, (folder / address.name).open("wb") as file:
        file.writelines(pieces)
