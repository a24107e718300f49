"""Reads .npz files with care: headers first, and only the arrays that are used are unpacked."""

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from inc_mlflow.errors import DataError, reason
from inc_mlflow.files import check_regular, listed
from inc_mlflow.memory import free_bytes, gigabytes

_UNREADABLE = (
    *(EOFError, ArithmeticError, LookupError, MemoryError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tokenize.TokenError),
)
"""What zipfile, its decompressors and NumPy's reader of heads raise over damaged bytes."""
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_ENCRYPTED = 1
_HEADS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_WHAT = "the path of an .npz"


@dataclass(frozen=True)
class Head:
    """The header of an array: its shape and dtype."""

    shape: tuple[int, ...]
    dtype: np.dtype


class Archive:
    """The arrays of an .npz by name.

    Raises DataError, which begins with ``where``, for whatever is wrong with the file.
    """

    def __init__(self, path: Path, where: str) -> None:
        self.path, self.where = path, where
        check_regular(path, where, _WHAT)
        with self._open() as archive:
            infos = archive.infolist()
            self._members = {info.filename.removesuffix(".npy"): info for info in infos}
            if len(self._members) < len(infos):
                raise ValueError("a name stands twice in it")

    @property
    def names(self) -> list[str]:
        """The names of the arrays, sorted."""
        return sorted(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def __str__(self) -> str:
        """List the names for a message."""
        return listed(self.names)

    def head(self, name: str) -> Head:
        """Read an array's header and check it against the size of the data, which stay packed."""
        with self._member(name) as member:
            return read_head(member, self._members[name])

    def array(self, name: str) -> np.ndarray:
        """Unpack an array."""
        with self._member(name) as member:
            head = read_head(member, self._members[name])
            size = math.prod(head.shape) * head.dtype.itemsize
            if size > (free := free_bytes()):
                text = f"{name!r} takes {gigabytes(size)}, and {gigabytes(free)} of memory are left"
                raise DataError(f"{self.where}: {self.path}: {text}; split the file, or use a data callable")
            member.seek(0)
            return np.asarray(npy.read_array(member, allow_pickle=False))

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        """Open a member; messages about its content name it."""
        info = self._members[name]
        with self._open(f"{name!r}: ") as archive:
            if info.flag_bits & _ENCRYPTED:
                raise ValueError("it is encrypted")
            if info.compress_type not in _PACKED:
                raise ValueError(f"it is packed by method {info.compress_type}, which is not known here")
            with archive.open(info) as member:
                yield member

    @contextmanager
    def _open(self, of: str = "") -> Iterator[zipfile.ZipFile]:
        try:
            # Opened here: zipfile does not close a damaged file that it opened itself.
            with self.path.open("rb") as file:
                if file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
                    raise DataError(
                        f"{self.where}: {self.path} holds a single array; save it with np.savez and names"
                    )
                with zipfile.ZipFile(file) as archive:
                    yield archive
        except OSError as error:
            said = error.strerror or reason(error)
            raise DataError(f"{self.where}: {self.path} cannot be read ({said}); give {_WHAT}") from error
        except _UNREADABLE as error:
            text = f"is no .npz of plain arrays ({of}{reason(error)}); save it with np.savez"
            raise DataError(f"{self.where}: {self.path} {text}") from error


def read_head(member: IO[bytes], info: zipfile.ZipInfo) -> Head:
    """Read a header. Raises ValueError where it does not fit the data behind it."""
    version = npy.read_magic(member)
    if version not in _HEADS:
        raise ValueError(f"its format has version {version}, which plain arrays do not need")
    shape, _, dtype = _HEADS[version](member)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, and reading them would run code")
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape is {shape}")
    if math.prod(shape) * dtype.itemsize != info.file_size - member.tell():
        raise ValueError(
            f"it says shape {shape} of {dtype}, and holds {info.file_size - member.tell()} bytes"
        )
    return Head(shape, dtype)
