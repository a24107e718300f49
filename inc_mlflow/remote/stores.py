"""What a store of remote files can do, and which one an address belongs to."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inc_mlflow.remote.address import Address

PIECE = 1 << 20
"""Bytes that are read at a time."""


@dataclass(frozen=True)
class Version:
    """What a store says about a file without reading it: ``tag`` is another one when the bytes are."""

    tag: str
    size: int


class Store(Protocol):
    """Files by their address; what goes wrong is a StateError, or a DataError where the file is not there."""

    def versions(self, address: Address) -> Mapping[str, Version]:
        """Return the files whose key begins with that of ``address``, by key."""
        ...

    def read(self, address: Address) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file, in pieces."""
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
