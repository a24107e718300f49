"""Print, as JSON, the CPU time of `python -W error -c "import mlflow"` with and without our wheel.

Both read the same packages through links: an editable installation of ours is left out, the wheel is the one
thing that differs. Minimum of nine, interleaved. Run as ``.venv/bin/python tests/benchmarks/plugins.py``.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROVIDER = "inc_mlflow.tracking.plugins.context_provider"
REPEATS = 9


def others(folder: Path) -> Path:
    """Link everything that is installed, but for ourselves."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "inc_mlflow" not in entry.name and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


def installed(folder: Path) -> Path:
    """Build the wheel from a copy, since a build writes beside its sources, and unpack it."""
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests")
    sources = shutil.copytree(ROOT, folder / "sources", symlinks=True, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, sources]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "wheel")
    return folder / "wheel"


def cpu_seconds(*path: Path, plugged: bool) -> float:
    """CPU time of the import in a new process.

    A warning ends it, and so does a plugin that is not as expected.
    """
    code = f"import mlflow, sys; sys.exit(('{PROVIDER}' in sys.modules) is not {plugged})"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(map(str, path)),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    process = subprocess.Popen([sys.executable, "-P", "-S", "-W", "error", "-c", code], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(
            f"with {'the wheel' if plugged else 'others alone'} the import of mlflow is not as it should be"
        )
    return usage.ru_utime + usage.ru_stime


def measure() -> dict[str, float]:
    """Return both minima in seconds and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        without, wheel = others(Path(folder) / "others"), installed(Path(folder))
        cpu_seconds(wheel, without, plugged=True)  # compiles our modules
        pairs = [
            (cpu_seconds(without, plugged=False), cpu_seconds(wheel, without, plugged=True))
            for _ in range(REPEATS)
        ]
    bare, plugged = (min(column) for column in zip(*pairs, strict=True))
    return {"without_seconds": bare, "with_seconds": plugged, "ratio": plugged / bare}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
