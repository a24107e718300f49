"""Emulate a CPU for all engines that one process runs."""

from collections.abc import Iterable
from typing import Protocol

from inc_mlflow.errors import MissingExtraError
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Isa


class Emulation(Protocol):
    """Runs the engine in a process that sees a CPU with fewer instructions."""

    def check(self, isa: Isa) -> None:
        """Raise MissingExtraError with a list of what this machine lacks for it."""
        ...

    def prepare(self, isa: Isa) -> dict[str, str]:
        """Return the environment variables of such a process."""
        ...

    def confirm(self, isa: Isa) -> None:
        """Raise HardwareError unless this process really is the emulated CPU that its environment names."""
        ...


def check_emulation(engines: Iterable[str], isa: Isa) -> None:
    """Raise MissingExtraError where an engine or this machine cannot emulate the CPU ``isa``."""
    for engine in engines:
        _emulation(engine, isa).check(isa)


def emulated_environment(engines: Iterable[str], isa: Isa) -> dict[str, str]:
    """Return the environment of a process in which the engines see the CPU ``isa``."""
    return {key: value for engine in engines for key, value in _emulation(engine, isa).prepare(isa).items()}


def confirm_emulation(engines: Iterable[str], isa: Isa) -> None:
    """Raise HardwareError unless all engines see the CPU ``isa`` in this process."""
    for engine in engines:
        _emulation(engine, isa).confirm(isa)


def _emulation(engine: str, isa: Isa) -> Emulation:
    emulation = ENGINES.get(engine).emulation
    if emulation is None:
        raise MissingExtraError(
            f"emulation of {isa}: {engine} cannot emulate CPUs; leave the pool out, or the engine"
        )
    return emulation
