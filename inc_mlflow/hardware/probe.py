"""What this host is; every number is recorded with the hardware that made it."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from inc_mlflow.hardware.cpuinfo import cpu_flags, cpuinfo
from inc_mlflow.hardware.isa.profiles import emulated_profile
from inc_mlflow.records import HostFacts
from inc_mlflow.registry.engines import engine_packages
from inc_mlflow.spec.pools import emulated_pool

_ISA = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")
"""CPU flags that decide which INT8 kernels run, as Linux spells them on x86 and ARM."""
INSTANCE_TYPE = "INC_MLFLOW_INSTANCE_TYPE"
"""Environment variable with the cloud's name of this kind of machine, for pods that cannot see it."""
_DMI = Path("/sys/class/dmi/id")
_CPUFREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_RUNTIME = ("inc-mlflow", "numpy")


def host_facts(gpu: str | None = None) -> HostFacts:
    """Return CPU, instruction sets, cores that this process may use, and versions of packages that compute.

    ``gpu`` is the one that numbers depend on. Under emulation the instruction sets are those that engines
    see, and the name of the CPU says so.
    """
    flags = visible_flags()
    return HostFacts(
        cpu=cpu_name(),
        isa=tuple(name for name in _ISA if name in flags),
        gpu=gpu,
        cores=len(usable_cores()),
        system=f"{platform.system()} {platform.machine()}",
        runtime={"python": platform.python_version()} | versions(),
        instance_type=instance_type(os.environ, _DMI),
        governor=_text(_CPUFREQ / "scaling_governor"),
        max_mhz=float(khz) / 1000 if (khz := _text(_CPUFREQ / "cpuinfo_max_freq")) else None,
    )


def cpu_name() -> str:
    """Return the name of the CPU, and whether this process emulates one with fewer instructions."""
    name, emulated = (
        cpuinfo().get("model name") or platform.processor() or platform.machine(),
        emulated_profile(),
    )
    return f"{name}, {emulated_pool(emulated.name)}" if emulated else name


def visible_flags() -> frozenset[str]:
    """Return the instruction sets that engines see in this process."""
    emulated = emulated_profile()
    return cpu_flags() - (emulated.hidden if emulated else frozenset())


def versions() -> dict[str, str]:
    """Return the version of each package that decides what a step gives.

    An engine may have several names, as one for CPUs and one for GPUs.
    """
    names = (*_RUNTIME, *engine_packages())
    return {name: found.version for name in names for found in distributions(name=name)}


def instance_type(environment: Mapping[str, str], dmi: Path) -> str | None:
    """Return what the cloud calls this machine: ``INC_MLFLOW_INSTANCE_TYPE``, or the product name on EC2.

    None where neither is known. EC2 Nitro writes the instance type into the DMI product name; others write
    the name of their hypervisor.
    """
    if given := environment.get(INSTANCE_TYPE):
        return given
    return _text(dmi / "product_name") if _text(dmi / "sys_vendor") == "Amazon EC2" else None


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip() or None
    except OSError:  # not there, or not for this user
        return None


def usable_cores() -> list[int]:
    """Return the cores that this process may run on; where the system does not say, all of them."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
