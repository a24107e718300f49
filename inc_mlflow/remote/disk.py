"""A folder on this machine, or one that several machines mount, as a store: ``file:///folder``."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from inc_mlflow.errors import DataError
from inc_mlflow.remote.address import Address
from inc_mlflow.remote.stores import Version
from inc_mlflow.remote.whole import whole_file


class Disk:
    """Files below ``/``."""

    def versions(self, address: Address) -> Mapping[str, Version]:
        """List the files of one folder whose names begin alike."""
        path = _path(address)
        found = [file for file in path.parent.glob("*") if file.name.startswith(path.name) and file.is_file()]
        return {file.as_posix().lstrip("/"): _version(file) for file in found}

    def below(self, folder: Address) -> Mapping[str, Version]:
        """List the files of a folder and its folders."""
        return {
            file.as_posix().lstrip("/"): _version(file) for file in _path(folder).rglob("*") if file.is_file()
        }

    def download(self, files: Mapping[Address, Path]) -> None:
        """Copy the bytes alone; owner and mode are those of the cache."""
        for address, target in files.items():
            with _reading(address) as file, target.open("wb") as copy:
                shutil.copyfileobj(file, copy)

    def check(self, address: Address, version: Version, file: Path) -> None:
        """Raise DataError where the sizes differ, which is all that a disk tells."""
        if file.stat().st_size != version.size:
            raise DataError(f"{address}: changed while it was read; try again")

    def write(self, source: Path, address: Address) -> None:
        """Copy a file to ``address``, whole or not at all."""
        with whole_file(_path(address)) as partial:
            shutil.copyfile(source, partial)
            partial.chmod(0o644)  # temporary files are for their owner alone


def _reading(address: Address) -> BinaryIO:
    try:
        return _path(address).open("rb")
    except OSError as error:
        raise DataError(f"{address}: cannot be read ({error.strerror}); check the path") from error


def _path(address: Address) -> Path:
    return Path("/") / address.key


def _version(file: Path) -> Version:
    status = file.stat()
    return Version(str(status.st_mtime_ns), status.st_size)
