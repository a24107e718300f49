"""Whether this machine is what a pool expects; only then may a number carry the name of that pool."""

import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inc_mlflow.errors import HardwareError
from inc_mlflow.hardware.cpuinfo import vendor
from inc_mlflow.hardware.gpu import Gpu, installed_gpu
from inc_mlflow.hardware.probe import cpu_name, visible_flags
from inc_mlflow.spec import PoolSpec
from inc_mlflow.spec.placement import Expect

_MEND = "measure on such a machine, or correct what the pool expects"


@dataclass(frozen=True)
class _Machine:
    arch: str
    vendor: str | None
    flags: frozenset[str]
    """In lower case, without underscores; empty where the system does not list them."""
    gpu: Gpu | None
    text: str


_Claim = tuple[str, Callable[[_Machine], bool]]


def confirm_pool(pool: str, hardware: PoolSpec, mend: str = _MEND) -> None:
    """Raise HardwareError where this machine is not what the pool expects.

    The message lists all that is not met, and what this machine is. In an emulated process the CPU has the
    flags that engines see. What cannot be found out is not met. ``mend`` says what the user can do.
    """
    machine = _machine(hardware.expect)
    if wrong := _unmet(hardware.expect, machine):
        raise HardwareError(f"pools: {pool!r} expects {', '.join(wrong)}, but this is {machine.text}; {mend}")


def is_met(expect: Expect) -> bool:
    """Tell whether this machine is what is expected."""
    return not _unmet(expect, _machine(expect))


def describe_expect(expect: Expect) -> str:
    """Return what is expected, as text."""
    return ", ".join(text for text, _ in _claims(expect))


def _unmet(expect: Expect, machine: _Machine) -> list[str]:
    return [text for text, holds in _claims(expect) if not holds(machine)]


def _claims(expect: Expect) -> Iterator[_Claim]:
    if expect.arch:
        yield expect.arch, lambda machine: machine.arch == expect.arch
    if expect.vendor:
        yield f"vendor {expect.vendor}", lambda machine: machine.vendor == expect.vendor
    yield from map(_has, expect.has)
    yield from map(_lacks, expect.lacks)
    if expect.gpu or expect.compute_capability:
        yield from _gpu_claims(expect)


def _has(flag: str) -> _Claim:
    return flag, lambda machine: _plain(flag) in machine.flags


def _lacks(flag: str) -> _Claim:
    """Where no flag can be read, none is known to be missing, so the claim does not hold."""
    return f"no {flag}", lambda machine: bool(machine.flags) and _plain(flag) not in machine.flags


def _gpu_claims(expect: Expect) -> Iterator[_Claim]:
    yield "a whole GPU", lambda machine: machine.gpu is not None and machine.gpu.whole
    if part := expect.gpu:
        yield f"GPU {part}", lambda machine: machine.gpu is not None and _named(part, machine.gpu.name)
    if capability := expect.compute_capability:
        yield (
            f"compute capability {capability}",
            lambda machine: machine.gpu is not None and machine.gpu.compute_capability == capability,
        )


def _named(part: str, name: str) -> bool:
    """Match whole words: an A100 is no A10."""
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", name) is not None


def _plain(flag: str) -> str:
    """Return a flag in one spelling: Linux has avx512_vnni, labels in Kubernetes have AVX512VNNI."""
    return flag.lower().replace("_", "")


def _machine(expect: Expect) -> _Machine:
    flags = frozenset(map(_plain, visible_flags()))
    gpu, gpu_text = _gpu() if expect.gpu or expect.compute_capability else (None, "")
    text = f"{cpu_name()} ({platform.machine()}, {f'vendor {vendor()}' if vendor() else 'vendor not told'})"
    unread = "" if flags else ", whose flags this system does not tell"
    return _Machine(platform.machine(), vendor(), flags, gpu, text + unread + gpu_text)


def _gpu() -> tuple[Gpu | None, str]:
    try:
        gpu = installed_gpu()
    except HardwareError as error:
        return None, f" with no GPU that counts ({error})"
    return gpu, f" with {gpu}"
