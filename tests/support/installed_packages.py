"""Packages as pip leaves them: a module beside a dist-info folder that holds its entry points."""

from collections.abc import Mapping
from pathlib import Path


def install(folder: Path, name: str, code: str, entry_points: Mapping[str, str]) -> Path:
    """Write the package ``name`` with one module of that name, and return the folder, for PYTHONPATH.

    ``entry_points`` maps "group/name" to "module:attribute".
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for entry, target in entry_points.items():
        group, _, called = entry.partition("/")
        lines += [f"[{group}]", f"{called} = {target}"]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder
