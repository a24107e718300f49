"""The role of what starts the processes of a training."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Program:
    """What each process runs: ``python -m MODULE ARGUMENT``."""

    module: str
    argument: str


@dataclass(frozen=True)
class Ended:
    """How the processes ended: well, by a signal, or with what they said."""

    well: bool
    signal: int = 0
    """That ended one of them; 0 where none did."""
    story: str = ""
    """The end of what they printed."""


class Launcher(Protocol):
    """Starts processes of one program that torch joins, and waits for their end."""

    def run(self, program: Program, processes: int) -> Ended:
        """Return how they ended; where one ends badly, all are ended."""
        ...
