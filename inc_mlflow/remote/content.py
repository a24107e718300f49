"""Content-addressed files: a bundle holds each file once, under its sha256, whatever its name."""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.files import canonical_json, sha256_file, sha256_text
from inc_mlflow.remote.address import Address
from inc_mlflow.remote.cache import cache_folder
from inc_mlflow.remote.entries import cache_entry
from inc_mlflow.remote.stores import Store, open_store
from inc_mlflow.remote.whole import new_file

FILES = "inc-mlflow/files"
"""Folder of bundled files, below the address that a user gives."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def upload(source: Path, store: Store, folder: Address) -> str:
    """Upload a file under its sha256, unless it is there already, and return the sha256."""
    digest = sha256_file(source)
    target = folder.child(digest)
    present = store.versions(target).get(target.key)
    if present is None or present.size != source.stat().st_size:
        store.write(source, target)
    return digest


def upload_text(text: str, store: Store, folder: Address) -> str:
    """Upload a text under its sha256, and return the sha256."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "text"
        file.write_text(text)
        return upload(file, store, folder)


def check_bundle_file(name: str, digest: str) -> None:
    """Raise SpecError for a file name or digest that leads out of the bundle's folders."""
    path = PurePosixPath(name)
    if "\0" in name or path.is_absolute() or ".." in path.parts or not path.parts:
        raise SpecError(
            f"bundle: {name!r} is no path inside the job's folder; "
            "make the bundle again with `inc-mlflow submit`"
        )
    if not (_SHA256.fullmatch(digest) or (name.endswith("/") and not digest)):
        raise SpecError(
            f"bundle: {digest!r} is no sha256 of {name!r}; make the bundle again with `inc-mlflow submit`"
        )


def unpack(uri: str, files: Mapping[str, str]) -> Path:
    """Return a folder with a bundle's files under their names, each checked against its sha256.

    The folder is made once for each content. A name that ends with "/" is a folder; its digest is that of a
    JSON text with the digests of the files in it.
    """
    place = Address.parse(uri)
    folder = cache_folder() / "bundles" / sha256_text(canonical_json(files))
    return cache_entry(folder, lambda partial: _unpack(open_store(place), place, files, partial))


def _unpack(store: Store, place: Address, files: Mapping[str, str], folder: Path) -> None:
    for name, digest in files.items():
        check_bundle_file(name, digest)
    _fetch(store, place, {name: digest for name, digest in files.items() if not name.endswith("/")}, folder)
    for name, digest in files.items():
        if name.endswith("/"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            if digest:
                _unpack(store, place, _listed(store, place, digest), folder / name)


def _listed(store: Store, place: Address, digest: str) -> dict[str, str]:
    """Return the names and digests of a folder's files."""
    with tempfile.TemporaryDirectory() as scratch:
        _fetch(store, place, {"list": digest}, Path(scratch))
        found: dict[str, str] = json.loads((Path(scratch) / "list").read_text())
    return found


def _fetch(store: Store, place: Address, files: Mapping[str, str], folder: Path) -> None:
    """Copy files and check their bytes. Copies, not links: onnx refuses weights with several hard links."""
    first: dict[str, Path] = {}
    for name, digest in files.items():
        first.setdefault(digest, new_file(folder / name))
    store.download({place.child(digest): target for digest, target in first.items()})
    for digest, target in first.items():
        if (found := sha256_file(target)) != digest:
            raise DataError(
                f"{place.child(digest)}: its bytes have another sha256 ({found[:12]}); submit the job again"
            )
    for name, digest in files.items():
        if folder / name != first[digest]:
            shutil.copyfile(first[digest], folder / name)
