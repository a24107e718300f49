"""How much memory is left, so that what cannot fit is refused in words: the system itself would kill the process."""

from pathlib import Path

import psutil

_GROUP = Path("/sys/fs/cgroup")


def free_bytes(group: Path = _GROUP) -> int:
    """Return the bytes that this process may still take: what the machine has, or its container where that has less."""
    return min([psutil.virtual_memory().available, *_left(group)])


def gigabytes(size: int) -> str:
    """Write a size for a message."""
    return f"{size / 1e9:,.1f} GB"


def _left(group: Path) -> list[int]:
    """Return what a memory limit leaves, of cgroups 2 or 1.

    File pages count as free, for the system drops them first.
    """
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            most, now = (group / limit).read_text().strip(), int((group / used).read_text())
            pages = _file_pages((group / limit).with_name("memory.stat"))
        except OSError:  # another version, or no limit that can be seen
            continue
        return [int(most) - now + pages] if most.isdecimal() else []
    return []


def _file_pages(stat: Path) -> int:
    rows = dict(line.split() for line in stat.read_text().splitlines())
    return int(rows.get("inactive_file", rows.get("total_inactive_file", 0)))
