"""What emulation needs on this machine."""

import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from inc_mlflow.hardware.cpuinfo import cpu_flags
from inc_mlflow.hardware.isa.profiles import IsaProfile


def missing(profile: IsaProfile) -> list[str]:
    """Return a list of what this machine lacks for a profile, for people."""
    flags = cpu_flags()
    needs = {
        "x86-64 Linux": (platform.system(), platform.machine()) == ("Linux", "x86_64"),
        "a C compiler (cc, gcc or clang)": compiler() is not None,
        "objdump (binutils)": shutil.which("objdump") is not None,
        "onnxruntime for the CPU": library() is not None,
    }
    needs |= {f"a CPU with {flag}": flag in flags for flag in sorted(profile.needs)}
    return [need for need, there in needs.items() if not there]


def compiler() -> str | None:
    """Return the path of a C compiler; None where there is none."""
    return next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)


def library() -> Path | None:
    """Return the shared library that `import onnxruntime` would load; None where there is not exactly one."""
    spec = find_spec("onnxruntime")
    folders = spec.submodule_search_locations if spec else None
    libraries = [
        file for folder in folders or () for file in Path(folder).glob("capi/onnxruntime_pybind11_state*.so")
    ]
    return libraries[0] if len(libraries) == 1 else None
