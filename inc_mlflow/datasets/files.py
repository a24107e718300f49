"""Files of a split before they are read: only regular ones, since a pipe would be waited for, and a device never ends."""

import stat
from collections.abc import Iterable
from pathlib import Path

from inc_mlflow.errors import DataError, reason

_LISTED = 20


def check_regular(path: Path, where: str, what: str) -> None:
    """Refuse what is no regular file; the message says to give ``what``, as "the path of an .npz"."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        said = getattr(error, "strerror", None) or reason(error)
        raise DataError(f"{where}: {path} cannot be read ({said}); give {what}") from error
    if not stat.S_ISREG(mode):
        raise DataError(f"{where}: {path} cannot be read (it is no regular file); give {what}")


def listed(names: Iterable[object]) -> str:
    """Write names for a message: the first twenty, and how many more there are."""
    texts = [str(name) if len(str(name)) <= 60 else f"{str(name)[:59]}…" for name in names]
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more
