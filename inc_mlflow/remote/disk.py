"""A folder of this machine, or one that several mount, as a store: ``file:///folder``."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.remote.address import Address
from inc_mlflow.remote.stores import PIECE, Version
from inc_mlflow.remote.whole import whole_file


class Disk:
    """Files below ``/``."""

    def versions(self, address: Address) -> Mapping[str, Version]:
        """List the files of one folder whose names begin alike."""
        path = _path(address)
        found = [file for file in path.parent.glob("*") if file.name.startswith(path.name) and file.is_file()]
        return {file.as_posix().lstrip("/"): _version(file) for file in found}

    @contextmanager
    def read(self, address: Address) -> Iterator[Iterator[bytes]]:
        """Open a file, in pieces."""
        try:
            file = _path(address).open("rb")
        except OSError as error:
            raise DataError(f"{address}: cannot be read ({error.strerror}); check the path") from error
        with file:
            yield iter(lambda: file.read(PIECE), b"")

    def write(self, source: Path, address: Address) -> None:
        """Copy beside the final place first."""
        with whole_file(_path(address)) as partial:
            shutil.copyfile(source, partial)
            partial.chmod(0o644)  # temporary files are for their owner alone


def _path(address: Address) -> Path:
    return Path("/") / address.key


def _version(file: Path) -> Version:
    status = file.stat()
    return Version(str(status.st_mtime_ns), status.st_size)
