"""The cache of remote files: each is fetched once for all processes of a machine."""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inc_mlflow.errors import DataError, StateError
from inc_mlflow.files import canonical_json, sha256_text, writable
from inc_mlflow.guard import temporary_directory
from inc_mlflow.remote.address import Address, is_remote
from inc_mlflow.remote.entries import cache_entry
from inc_mlflow.remote.stores import Store, Version, open_store
from inc_mlflow.remote.whole import new_file

CACHE = "INC_MLFLOW_CACHE"
"""Environment variable with the directory of the cache."""
_WEIGHTS = ("", ".data", "_data")
"""Endings beside a model's name under which exporters keep the weights that do not fit into the file."""


def cache_path() -> Path:
    """Return where the cache directory is, or will be once something is fetched."""
    return Path(os.environ.get(CACHE) or temporary_directory() / f"inc-mlflow-cache-{os.getuid()}")


def cache_folder() -> Path:
    """Return the cache directory. Raises StateError where the default one belongs to another user."""
    path = cache_path()
    if os.environ.get(CACHE):
        return path
    with writable(path):
        path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise StateError(
            f"{path}: belongs to another user, who could change models in it; "
            f"set {CACHE} to a folder of yours"
        )
    return path


def local_path(path: str, root: Path) -> Path:
    """Return the local path of a job's file: below ``root``, or a fetched copy where it is remote."""
    return fetch(path) if is_remote(path) else root / path


@functools.cache
def fetch(uri: str) -> Path:
    """Return a local copy of a remote file, with a model's weights beside it, or of a folder.

    A process sees one version of it from beginning to end. Raises DataError where there is no such object.
    """
    address = Address.parse(uri)
    store = open_store(address)
    there = _with_weights(store, address) or store.below(address)
    if not there:
        raise DataError(f"{address}: no such object; upload it, or check the address")
    copies = [(_name(key, address), replace(address, key=key), version) for key, version in there.items()]
    folder = (
        cache_folder()
        / "uris"
        / sha256_text(canonical_json([str(address), {key: version.tag for key, version in there.items()}]))
    )
    size = sum(version.size for version in there.values())
    return cache_entry(folder, lambda partial: _fill(store, copies, partial), size) / address.name


def _with_weights(store: Store, address: Address) -> Mapping[str, Version]:
    """Return a file and the weights beside it; empty where there is no such file."""
    beside = {key: version for key, version in store.versions(address).items() if _belongs(key, address)}
    return beside if address.key in beside else {}


def _belongs(key: str, address: Address) -> bool:
    return key in {address.key + ending for ending in _WEIGHTS}


def _name(key: str, address: Address) -> str:
    """Return a file's path in its cache entry, from the last part of the address on.

    Raises DataError for a path that would leave the entry.
    """
    name = key[len(address.key) - len(address.name) :]
    if "\0" in name or {"", ".", ".."} & set(name.split("/")):
        raise DataError(
            f"{address}: holds {key!r}, which is no path below it; rename it, or give another folder"
        )
    return name


def _fill(store: Store, copies: Sequence[tuple[str, Address, Version]], folder: Path) -> None:
    store.download({address: new_file(folder / name) for name, address, _ in copies})
    for name, address, version in copies:
        store.check(address, version, folder / name)
