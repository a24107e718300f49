"""The NVIDIA GPU that a process gets, as the driver reports it."""

import subprocess
from dataclasses import dataclass

from inc_mlflow.errors import HardwareError
from inc_mlflow.spec import CPU, PoolSpec

_QUERY = ("nvidia-smi", "--query-gpu=name,compute_cap,mig.mode.current", "--format=csv,noheader")
_WHOLE = ("Disabled", "[N/A]")
"""MIG modes of a GPU that is not cut into slices; the second is of those that cannot be."""
_PATIENCE = 60.0
"""Seconds to wait; with a broken driver the program never ends."""


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU; not ``whole`` where it is cut into MIG slices, of which a process gets one."""

    name: str
    compute_capability: str
    whole: bool

    def __str__(self) -> str:
        """Return it as text."""
        slice_of_it = "" if self.whole else ", a MIG slice"
        return f"{self.name}, compute capability {self.compute_capability}{slice_of_it}"


def gpu_of(hardware: PoolSpec) -> str | None:
    """Return the GPU that a pool's numbers depend on, as text; None where they depend on none.

    Raises HardwareError as ``installed_gpu`` does.
    """
    expects = hardware.expect.gpu or hardware.expect.compute_capability
    return str(installed_gpu()) if expects or hardware.provider != CPU else None


def installed_gpu() -> Gpu:
    """Return this machine's GPU. Raises HardwareError where there is none, or not all are of one kind."""
    kinds = sorted({_parsed(line) for line in _query().splitlines() if line.strip()}, key=str)
    if len(kinds) != 1:
        found = "different GPUs (" + "; ".join(map(str, kinds)) + ")" if kinds else "no GPU"
        raise HardwareError(f"nvidia-smi: {found}; use a machine or container with one kind")
    return kinds[0]


def _query() -> str:
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (FileNotFoundError, PermissionError) as error:
        raise HardwareError("nvidia-smi: not there; a GPU needs NVIDIA's driver") from error
    except subprocess.TimeoutExpired as error:
        raise HardwareError(f"nvidia-smi: no answer in {_PATIENCE:.0f} s; check NVIDIA's driver") from error
    if done.returncode:
        raise HardwareError(f"nvidia-smi: {_one_line(done.stdout + done.stderr)}; check NVIDIA's driver")
    return done.stdout


def _parsed(line: str) -> Gpu:
    name, *facts = (field.strip() for field in line.split(","))
    if len(facts) != 2:
        raise HardwareError(f"nvidia-smi: {_one_line(line)!r} is not a GPU; check NVIDIA's driver")
    return Gpu(name, facts[0], facts[1] in _WHOLE)


def _one_line(text: str) -> str:
    return " ".join(text.split())
