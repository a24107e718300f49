"""How much CPU time the cgroups of this process allow, in both versions, as far up as they can be seen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROC = Path("/proc")


@dataclass(frozen=True)
class Quota:
    """The least quota: how many CPUs' time, and its file; ``groups`` are the cgroups with one."""

    cpus: float
    source: str
    groups: tuple[Path, ...]


def cpu_quota(proc: Path = PROC) -> Quota | None:
    """Return the least quota of this process's cgroups and visible ancestors; None where none has one."""
    limits = [limit for folder in _folders(proc) if (limit := _limit(folder))]
    if not limits:
        return None
    least, file = min(limits, key=lambda limit: limit[0])
    return Quota(least, str(file), tuple(file.parent for _, file in limits))


def _limit(folder: Path) -> tuple[float, Path] | None:
    """Read the limit of one cgroup and its file: ``cpu.max`` in version 2, quota and period in version 1."""
    both, quota = folder / "cpu.max", folder / "cpu.cfs_quota_us"
    if both.is_file():
        limit, period = both.read_text().split()
        return None if limit == "max" else (int(limit) / int(period), both)
    if not quota.is_file() or (allowed := int(quota.read_text())) < 0:
        return None
    return allowed / int((folder / "cpu.cfs_period_us").read_text()), quota


def _folders(proc: Path) -> Iterator[Path]:
    """Yield the process's cgroup and its ancestors up to the mount, in each hierarchy with CPU quotas."""
    paths = _paths(proc)
    for key, root, mount in _mounts(proc):
        if key in paths:
            yield from _up(paths[key], root, mount)


def _up(path: str, root: str, mount: Path) -> Iterator[Path]:
    """Yield the folders from ``path`` up to the mount.

    A path outside of the mount's root is named by another namespace: then only the mount itself is visible.
    """
    inside = PurePosixPath(path)
    below = inside.relative_to(root).parts if ".." not in inside.parts and inside.is_relative_to(root) else ()
    for depth in range(len(below), -1, -1):
        yield mount.joinpath(*below[:depth])


def _paths(proc: Path) -> dict[str, str]:
    """Return the path of this process's cgroup by hierarchy: "2" for version 2, "cpu" for version 1."""
    file = proc / "self" / "cgroup"
    lines = [line.split(":", 2) for line in file.read_text().splitlines()] if file.is_file() else []
    return {key: path for number, names, path in lines if (key := _hierarchy(number, names))}


def _hierarchy(number: str, names: str) -> str | None:
    if number == "0" and not names:
        return "2"
    return "cpu" if "cpu" in names.split(",") else None


def _mounts(proc: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield (hierarchy, root, mount point) of the cgroup mounts; see proc_pid_mountinfo(5) for the fields."""
    file = proc / "self" / "mountinfo"
    for line in file.read_text().splitlines() if file.is_file() else []:
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, mount = (_plain(field) for field in before.split()[3:5])
        if kind == "cgroup2":
            yield "2", root, Path(mount)
        elif kind == "cgroup" and "cpu" in options.split(","):
            yield "cpu", root, Path(mount)


def _plain(field: str) -> str:
    """Undo the kernel's octal escapes of blanks."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
