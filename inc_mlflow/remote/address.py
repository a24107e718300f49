"""Addresses of remote files: ``s3://bucket/key``, ``minio://bucket/key`` and ``file:///folder/file``."""

import re
from dataclasses import dataclass, replace
from typing import Self

from inc_mlflow.errors import SpecError

_S3 = ("s3", "minio")
_URI = re.compile(r"([a-z][a-z0-9+.-]*)://([^/]*)/*(.*)", re.DOTALL)


def is_remote(path: str) -> bool:
    """Return whether ``path`` is a URI."""
    return _URI.fullmatch(path) is not None


@dataclass(frozen=True)
class Address:
    """A place in a store; ``key`` is a path in the bucket, or on this machine below ``/``."""

    scheme: str
    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Parse a URI. Raises SpecError, which lists the schemes there are."""
        match = _URI.fullmatch(uri)
        scheme, bucket, key = match.groups() if match else ("", "", "")
        if scheme not in (*_S3, "file"):
            missing = f"{scheme}:// is not supported yet" if scheme else "is no address of a remote file"
            raise SpecError(f"{uri}: {missing}; give s3://bucket/path")
        if "@" in bucket:
            raise SpecError(
                f"{scheme}://…@{bucket.rpartition('@')[2]}: no key or password in an address; set AWS_PROFILE"
            )
        if (scheme == "file") == bool(bucket):
            raise SpecError(
                f"{uri}: "
                + ("a file is file:///path" if bucket else f"no bucket; give {scheme}://bucket/path")
            )
        return cls(scheme, bucket, key.rstrip("/"))

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def child(self, name: str) -> Self:
        """Return the address of what is called ``name`` below this one."""
        return replace(self, key=f"{self.key}/{name}".lstrip("/"))

    def beside(self, name: str) -> Self:
        """Return the address of what is called ``name`` in the same folder."""
        return replace(self, key=f"{self.key.rpartition('/')[0]}/{name}".lstrip("/"))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"
