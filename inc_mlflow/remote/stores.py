"""The role of a store of remote files, and the store of an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inc_mlflow.remote.address import Address


@dataclass(frozen=True)
class Version:
    """What a store says about a file without reading it; ``tag`` changes with the bytes."""

    tag: str
    size: int


class Store(Protocol):
    """Files by their address. Methods raise DataError for a missing file, else StateError."""

    def versions(self, address: Address) -> Mapping[str, Version]:
        """Return files by key whose key begins with that of ``address``; perhaps only the first ones."""
        ...

    def below(self, folder: Address) -> Mapping[str, Version]:
        """Return all files in a folder and its folders, by key."""
        ...

    def download(self, files: Mapping[Address, Path]) -> None:
        """Copy files, each to a path in a folder that exists."""
        ...

    def check(self, address: Address, version: Version, file: Path) -> None:
        """Raise DataError where a copy differs from what the store said of the file."""
        ...

    def write(self, source: Path, address: Address) -> None:
        """Write a file to ``address``, whole or not at all."""
        ...


def open_store(address: Address) -> Store:
    """Return the store that an address belongs to."""
    if address.scheme == "file":
        from inc_mlflow.remote.disk import Disk

        return Disk()
    from inc_mlflow.remote.s3 import S3

    return S3(address)
