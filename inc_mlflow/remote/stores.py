"""What a store of remote files can do, and which one an address belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inc_mlflow.remote.address import Address


@dataclass(frozen=True)
class Version:
    """What a store says about a file without reading it: ``tag`` is another one when the bytes are."""

    tag: str
    size: int


class Store(Protocol):
    """Files by their address; what goes wrong is a StateError, or a DataError where the file is not there."""

    def versions(self, address: Address) -> Mapping[str, Version]:
        """Return the files whose key begins with that of ``address``, the first of them, by key."""
        ...

    def below(self, folder: Address) -> Mapping[str, Version]:
        """Return all files in a folder and its folders, by key."""
        ...

    def download(self, files: Mapping[Address, Path]) -> None:
        """Copy files, each to a path in a folder that exists."""
        ...

    def check(self, address: Address, version: Version, file: Path) -> None:
        """Raise DataError where a copy is not what the store said it has, as far as it said so."""
        ...

    def write(self, source: Path, address: Address) -> None:
        """Put a file there, whole or not at all."""
        ...


def open_store(address: Address) -> Store:
    """Return the store that an address belongs to."""
    if address.scheme == "file":
        from inc_mlflow.remote.disk import Disk

        return Disk()
    from inc_mlflow.remote.s3 import S3

    return S3(address)
