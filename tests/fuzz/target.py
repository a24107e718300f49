"""A loader of files that others make: what a good file is, how it is damaged, and what reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(frozen=True)
class Target:
    """``name`` of the file, good contents, a way to damage one, and what reads the file in a folder."""

    name: str
    good: Callable[[], list[bytes]]
    damage: Callable[[Random, bytes], bytes]
    read: Callable[[Path], object]
