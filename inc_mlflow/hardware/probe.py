"""What this host is: every number carries the hardware that made it."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from inc_mlflow.records import HostFacts

_CPUINFO = Path("/proc/cpuinfo")
_ISA = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")
"""CPU flags that decide which INT8 kernels run, as Linux spells them on x86 and ARM."""
_RUNTIME = ("inc-mlflow", "numpy", "onnx", "onnxruntime")


def host_facts() -> HostFacts:
    """Return CPU, instruction sets, cores this process may use, and versions of what computes."""
    facts = _cpuinfo()
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    return HostFacts(
        cpu=facts.get("model name") or platform.processor() or platform.machine(),
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


def _cpuinfo() -> dict[str, str]:
    if not _CPUINFO.exists():
        return {}
    first = _CPUINFO.read_text().partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
