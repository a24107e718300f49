"""Files by their content: a bundle holds each under its sha256, once, whatever job or name it belongs to."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.remote.address import Address
from inc_mlflow.remote.cache import cache
from inc_mlflow.remote.stores import Store, open_store
from inc_mlflow.remote.whole import whole_file, whole_folder
from inc_mlflow.storage import canonical_json, sha256_file, sha256_text

FILES = "inc-mlflow/files"
"""Where bundles keep their files, below the place that a user names."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def upload(source: Path, store: Store, folder: Address) -> str:
    """Put a file under its sha256, unless it is there already, and return that."""
    digest = sha256_file(source)
    target = folder.child(digest)
    present = store.versions(target).get(target.key)
    if present is None or present.size != source.stat().st_size:
        store.write(source, target)
    return digest


def upload_text(text: str, store: Store, folder: Address) -> str:
    """Put a text under its sha256."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "text"
        file.write_text(text)
        return upload(file, store, folder)


def check_file(name: str, digest: str) -> None:
    """Raise SpecError where a file would be written, or its bytes be looked for, outside the folders of bundles."""
    path = PurePosixPath(name)
    if "\0" in name or path.is_absolute() or ".." in path.parts or not path.parts:
        raise SpecError(f"bundle: {name!r} is no path inside the job's folder; make the bundle again with `inc-mlflow submit`")
    if not (_SHA256.fullmatch(digest) or (name.endswith("/") and not digest)):
        raise SpecError(f"bundle: {digest!r} is no sha256 of {name!r}; make the bundle again with `inc-mlflow submit`")


def unpack(uri: str, files: Mapping[str, str]) -> Path:
    """Return a folder with a bundle's files under their names, each checked against its sha256; made once per content.

    A name that ends with "/" is a folder: its digest is that of a JSON text with the digests of what is in it.
    """
    folder = cache() / "bundles" / sha256_text(canonical_json(files))
    if folder.is_dir():
        return folder
    place = Address.parse(uri)
    store = open_store(place)
    with whole_folder(folder) as partial:
        for name, digest in _expanded(store, place, files):
            _put(store, place, digest, partial / name)
    return folder


def _expanded(store: Store, place: Address, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the files themselves, those of folders included; an empty folder has no digest."""
    for name, digest in files.items():
        check_file(name, digest)
        if name.endswith("/") and digest:
            inside = json.loads(_content(store, place, digest).read_text())
            yield from _expanded(store, place, {f"{name}{inner}": value for inner, value in inside.items()})
        else:
            yield name, digest


def _put(store: Store, place: Address, digest: str, target: Path) -> None:
    if not digest:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    file = _content(store, place, digest)
    with suppress(OSError):  # not every file system has links
        os.link(file, target)
    if not target.exists():
        shutil.copyfile(file, target)


def _content(store: Store, place: Address, digest: str) -> Path:
    """Return the cached file of a digest; fetched where it is missing or damaged."""
    target = cache() / "files" / digest
    if target.is_file() and sha256_file(target) == digest:
        return target
    with whole_file(target) as partial:
        found = _fetch(store, place.child(digest), partial)
        if found != digest:
            raise DataError(f"{place.child(digest)}: its bytes have another sha256 ({found[:12]}); submit the job again")
        partial.chmod(0o444)  # jobs share it
    return target


def _fetch(store: Store, address: Address, target: Path) -> str:
    digest = hashlib.sha256()
    with store.read(address) as pieces, target.open("wb") as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
