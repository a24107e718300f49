"""The prepared copy of onnxruntime: made once per version, outside the repository and site-packages."""

import os
import shutil
import subprocess
from pathlib import Path

import filelock

from inc_mlflow.engines.onnxruntime.emulation.needs import compiler, library
from inc_mlflow.engines.onnxruntime.emulation.patch import CPUID, patched
from inc_mlflow.errors import HardwareError
from inc_mlflow.files import canonical_json, sha256_file, sha256_text, writable

HANDLER = "cpuid.so"
_SOURCE = Path(__file__).with_name("cpuid.c")


def prepared() -> Path:
    """Return a directory with ``cpuid.so`` and the package ``onnxruntime`` without CPUID; make it if missing.

    The directory appears at once and complete. If several processes need it, one makes it and the others
    wait. Raises HardwareError where the library is missing or cannot be patched.
    """
    source = library()
    if source is None:
        raise HardwareError("onnxruntime: its library is not there; install onnxruntime again")
    root = _root()
    target = root / _key(source)
    if target.is_dir():
        return target
    with writable(target):
        root.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{target}.lock"):
            if not target.is_dir():
                _make(source, target)
    return target


def _root() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return Path(cache or Path.home() / ".cache") / "inc_mlflow" / "isa"


def _key(source: Path) -> str:
    """Return a digest of everything the copy depends on: the library, the tools, and our own files."""
    files = (source, _SOURCE, _SOURCE.with_name("patch.py"), Path(__file__))
    digests = [sha256_file(file) for file in files]
    tools = _version(compiler()), _version(shutil.which("objdump"))
    return sha256_text(canonical_json([digests, *tools]))[:16]


def _version(tool: str | None) -> str:
    return subprocess.run([tool or "", "--version"], capture_output=True, text=True, check=True).stdout


def _make(source: Path, target: Path) -> None:
    """Make the copy beside its final place and move it there in one step."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    package = source.parents[1]
    shutil.copytree(package, partial / package.name, ignore=_ignored)
    (partial / source.relative_to(package.parent)).write_bytes(patched(source))
    _compile(partial / HANDLER)
    partial.rename(target)


def _ignored(folder: str, names: list[str]) -> set[str]:
    """Leave out every library with a CPUID instruction of its own: only the patched one may be loaded."""
    libraries = {name for name in names if ".so" in name}
    return {"__pycache__"} | {name for name in libraries if CPUID in (Path(folder) / name).read_bytes()}


def _compile(target: Path) -> None:
    command = [compiler() or "cc", "-O2", "-shared", "-fPIC", "-o", str(target), str(_SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = " ".join(done.stderr.split())
        raise HardwareError(
            f"emulation: {command[0]} cannot compile {_SOURCE.name}; install the C library's headers: "
            f"{complaint}"
        )
