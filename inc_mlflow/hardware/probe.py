"""What this host is: every number carries the hardware that made it."""

import os
import platform
from importlib.metadata import version

from inc_mlflow.hardware.cpuinfo import cpu_flags, cpuinfo
from inc_mlflow.hardware.isa.profiles import present
from inc_mlflow.records import HostFacts
from inc_mlflow.spec.pools import emulated_pool

_ISA = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")
"""CPU flags that decide which INT8 kernels run, as Linux spells them on x86 and ARM."""
_RUNTIME = ("inc-mlflow", "numpy", "onnx", "onnxruntime")


def host_facts() -> HostFacts:
    """Return CPU, instruction sets, cores this process may use, and versions of what computes.

    Under emulation the instruction sets are those that onnxruntime sees, and the name of the CPU says so.
    """
    facts, emulated = cpuinfo(), present()
    flags = cpu_flags() - (emulated.hidden if emulated else frozenset())
    cpu = facts.get("model name") or platform.processor() or platform.machine()
    return HostFacts(
        cpu=f"{cpu}, {emulated_pool(emulated.name)}" if emulated else cpu,
        isa=tuple(name for name in _ISA if name in flags),
        cores=len(usable_cores()),
        system=f"{platform.system()} {platform.machine()}",
        runtime={"python": platform.python_version()} | {name: version(name) for name in _RUNTIME},
    )


def usable_cores() -> list[int]:
    """Return the cores this process may run on; where the system does not say, all of them."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pinned_core() -> int | None:
    """Return the core to pin a benchmark to: the last usable one, where less else runs; None where pinning is not possible."""
    return usable_cores()[-1] if hasattr(os, "sched_setaffinity") else None
